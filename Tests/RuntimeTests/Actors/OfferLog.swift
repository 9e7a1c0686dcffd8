@testable import Runtime

#if !SANITIZE_THREAD
    import Synchronization
#endif

/// A snapshot store that remembers which versions it was offered.
final class OfferLog: SnapshotStore {
    private let inner = InMemorySnapshotStore()
    private let offered = Mutex<[Int64]>([])

    var versions: [Int64] { offered.withLock { $0 } }

    func latest(of stream: StreamName) async throws(EventStoreError) -> Snapshot? { try await inner.latest(of: stream) }

    func latest(of streams: [StreamName]) async throws(EventStoreError) -> [StreamName: Snapshot] {
        try await inner.latest(of: streams)
    }

    func newest(
        of stream: StreamName, notAfter version: Int64, recordedBy time: Timestamp?, stateVersion: Int32
    ) async throws(EventStoreError) -> Snapshot? {
        try await inner.newest(of: stream, notAfter: version, recordedBy: time, stateVersion: stateVersion)
    }

    func offer(_ stream: StreamName, version: Int64, encode: @escaping @Sendable () throws -> Snapshot) {
        offered.withLock { $0.append(version) }
        inner.offer(stream, version: version, encode: encode)
    }
}
