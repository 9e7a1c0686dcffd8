import Gateway
import Runtime
import Synchronization

final class InMemoryParkingStore: ParkingStore {
    private struct State {
        var rows: [(id: Int64, message: ParkedMessage)] = []
        var next: Int64 = 1
    }
    private let state = Mutex(State())

    var all: [ParkedMessage] { state.withLock { $0.rows.map(\.message) } }

    func park(_ messages: [ParkedMessage], under fence: StreamVersion) async throws(ParkingError) {
        state.withLock { state in
            for message in messages {
                state.rows.append((state.next, message))
                state.next += 1
            }
        }
    }

    func queues() async throws(ParkingError) -> [String: ParkedQueue] {
        state.withLock { state in
            Dictionary(grouping: state.rows, by: \.message.device).mapValues { rows in
                ParkedQueue(
                    count: rows.count,
                    oldest: rows.map(\.message.receivedTime).min() ?? Timestamp(microseconds: 0))
            }
        }
    }

    func removal(of id: Int64) -> SideRow? { nil }

    func first(_ limit: Int, of device: String) async throws(ParkingError) -> [(id: Int64, message: ParkedMessage)] {
        state.withLock { state in Array(state.rows.filter { $0.message.device == device }.prefix(limit)) }
    }

    func remove(_ ids: [Int64]) async throws(ParkingError) {
        state.withLock { state in state.rows.removeAll { ids.contains($0.id) } }
    }
}
