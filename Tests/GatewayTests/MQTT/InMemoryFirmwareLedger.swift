import Gateway
import Synchronization

final class InMemoryFirmwareLedger: FirmwareLedger {
    private struct State {
        var position: Int64 = 0
        var holders: [String: String] = [:]
    }
    private let state = Mutex(State())

    func position() async throws -> Int64 { state.withLock { $0.position } }

    func move(from start: Int64, to end: Int64) async throws -> Bool {
        state.withLock { state in
            guard state.position == start else { return false }
            state.position = end
            return true
        }
    }

    func hold(_ devices: [String], by rollout: String) async throws {
        state.withLock { state in for device in devices { state.holders[device] = rollout } }
    }

    func held(_ devices: [String], by rollout: String) async throws -> [String] {
        state.withLock { state in devices.filter { state.holders[$0] == rollout } }
    }

    func release(_ devices: [String], by rollout: String) async throws {
        state.withLock { state in
            for device in devices where state.holders[device] == rollout { state.holders[device] = nil }
        }
    }

    // Departures are side rows of events, which only Postgres stores.

    func departures(_ limit: Int) async throws -> [FirmwareDeparture] { [] }

    func settle(_ departures: [FirmwareDeparture]) async throws {}
}
