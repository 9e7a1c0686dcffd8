import Synchronization

/// Snapshots in memory, written at once.
package final class InMemorySnapshotStore: SnapshotStore {
    /// By stream, the oldest first.
    private let kept = Mutex<[StreamName: [Snapshot]]>([:])

    package init() {}

    package func latest(of stream: StreamName) async throws(EventStoreError) -> Snapshot? {
        kept.withLock { $0[stream]?.last }
    }

    package func latest(of streams: [StreamName]) async throws(EventStoreError) -> [StreamName: Snapshot] {
        kept.withLock { kept in
            var found: [StreamName: Snapshot] = [:]
            for stream in streams { found[stream] = kept[stream]?.last }
            return found
        }
    }

    package func newest(
        of stream: StreamName, notAfter version: Int64, recordedBy time: Timestamp?, stateVersion: Int32
    ) async throws(EventStoreError) -> Snapshot? {
        kept.withLock { kept in
            kept[stream]?.last { snapshot in
                snapshot.version <= version && snapshot.stateVersion == stateVersion
                    && (time.map { time in snapshot.recordedTime.map { $0 <= time } ?? false } ?? true)
            }
        }
    }

    package func offer(_ stream: StreamName, version: Int64, encode: @escaping @Sendable () throws -> Snapshot) {
        guard let snapshot = try? encode() else { return }
        kept.withLock { kept in
            var snapshots = kept[stream, default: []]
            let surplus = SnapshotThinning.surplus(of: snapshots.map { .init($0) }, beside: .init(snapshot))
            snapshots.removeAll { $0.version == snapshot.version || surplus.contains($0.version) }
            let next = snapshots.firstIndex { $0.version > snapshot.version } ?? snapshots.endIndex
            if !surplus.contains(snapshot.version) { snapshots.insert(snapshot, at: next) }
            kept[stream] = snapshots
        }
    }
}
