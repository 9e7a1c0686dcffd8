import Synchronization

/// Snapshots in memory, written at once.
package final class InMemorySnapshotStore: SnapshotStore {
    private let newest = Mutex<[StreamName: Snapshot]>([:])

    package init() {}

    package func latest(of stream: StreamName) async throws(EventStoreError) -> Snapshot? {
        newest.withLock { $0[stream] }
    }

    package func offer(_ stream: StreamName, version: Int64, encode: @escaping @Sendable () throws -> Snapshot) {
        guard let snapshot = try? encode() else { return }
        newest.withLock { $0[stream] = snapshot }
    }
}
