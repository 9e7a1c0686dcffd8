@testable import Runtime

#if !SANITIZE_THREAD
    import Synchronization
#endif

/// A snapshot store that counts how often it is asked for snapshots of many, and for one of the past, and refuses to be asked
/// for the latest one.
final class CountingSnapshots: SnapshotStore {
    private let inner: any SnapshotStore
    private let asked = Mutex(0)
    private let searched = Mutex(0)

    init(_ inner: any SnapshotStore) { self.inner = inner }

    var queries: Int { asked.withLock { $0 } }
    /// How often one of the past was asked for.
    var searches: Int { searched.withLock { $0 } }

    func latest(of stream: StreamName) async throws(EventStoreError) -> Snapshot? {
        throw .unavailable(reason: "one at a time")
    }

    func latest(of streams: [StreamName]) async throws(EventStoreError) -> [StreamName: Snapshot] {
        asked.withLock { $0 += 1 }
        return try await inner.latest(of: streams)
    }

    func newest(
        of stream: StreamName, notAfter version: Int64, recordedBy time: Timestamp?, stateVersion: Int32
    ) async throws(EventStoreError) -> Snapshot? {
        searched.withLock { $0 += 1 }
        return try await inner.newest(of: stream, notAfter: version, recordedBy: time, stateVersion: stateVersion)
    }

    func offer(_ stream: StreamName, version: Int64, encode: @escaping @Sendable () throws -> Snapshot) {
        inner.offer(stream, version: version, encode: encode)
    }
}
