import Aggregates
import Crypto
import Foundation
import Gateway
import Runtime
import Synchronization

/// Devices with a key each, as a database would have them.
final class KnownDevices: DeviceAccessSource {
    private let state: Mutex<(all: [DeviceAccess], extra: [String: DeviceAccess], revision: Int64)>

    init(_ count: Int) {
        // In the order of their ids, which is the order of pages.
        let all = (0..<count).map { Self.access($0, revision: Int64($0) + 1) }.sorted { $0.device < $1.device }
        state = Mutex((all, [:], Int64(count)))
    }

    func add(_ number: Int) {
        state.withLock { state in
            state.revision += 1
            state.extra[PublisherLoad.device(number)] = Self.access(number, revision: state.revision)
        }
    }

    func revoke(_ number: Int) {
        state.withLock { state in
            state.revision += 1
            state.extra[PublisherLoad.device(number)]?.revision = state.revision
            state.extra[PublisherLoad.device(number)]?.keys = []
        }
    }

    func extent() async throws -> (revision: Int64, devices: Int) {
        state.withLock { ($0.revision, $0.all.count + $0.extra.count) }
    }

    func page(after device: String, limit: Int) async throws -> [DeviceAccess] {
        state.withLock { state in
            var (low, high) = (0, state.all.count)
            while low < high {
                let middle = (low + high) / 2
                if state.all[middle].device <= device { low = middle + 1 } else { high = middle }
            }
            return Array(state.all[low...].prefix(limit))
        }
    }

    func page(of type: DeviceTypeName, after device: String, limit: Int) async throws -> [DeviceAccess] { [] }

    func changes(after revision: Int64, limit: Int) async throws -> [DeviceAccess] {
        state.withLock { state in
            Array(
                state.extra.values.filter { $0.revision > revision }.sorted { $0.revision < $1.revision }.prefix(limit))
        }
    }

    func expired(since time: Timestamp) async throws -> [DeviceAccess] { [] }

    func access(of devices: [String]) async throws -> [DeviceAccess] {
        state.withLock { state in devices.compactMap { state.extra[$0] } }
    }

    func note(used: [(device: String, number: UInt16)], learned: [LearnedKey]) async throws {}

    private static func access(_ number: Int, revision: Int64) -> DeviceAccess {
        let hash = Array(SHA256.hash(data: Data(PublisherLoad.key(number).utf8)))
        return DeviceAccess(
            device: PublisherLoad.device(number), revision: revision, keys: [.init(number: 1, proof: .sha256(hash))])
    }
}
