@testable import Runtime

#if !SANITIZE_THREAD
    import Synchronization
#endif

/// Snapshots that are written late, in any order, spoiled or not at all.
final class SimulatedSnapshots: SnapshotStore {
    private let database: SimulatedDatabase
    private let inner = InMemorySnapshotStore()
    private let offered = Mutex<[Snapshot]>([])

    init(beside database: SimulatedDatabase) { self.database = database }

    /// All that were offered, as they were meant.
    var all: [Snapshot] { offered.withLock { $0 } }

    private func visit() async throws(EventStoreError) {
        await database.travel()
        if database.fails(database.plan.unreadable) { throw .unavailable(reason: "simulated") }
    }

    func latest(of stream: StreamName) async throws(EventStoreError) -> Snapshot? {
        try await visit()
        return try await inner.latest(of: stream)
    }

    func latest(of streams: [StreamName]) async throws(EventStoreError) -> [StreamName: Snapshot] {
        try await visit()
        return try await inner.latest(of: streams)
    }

    func newest(
        of stream: StreamName, notAfter version: Int64, recordedBy time: Timestamp?, stateVersion: Int32
    ) async throws(EventStoreError) -> Snapshot? {
        try await visit()
        return try await inner.newest(
            of: stream, notAfter: version, recordedBy: time, stateVersion: stateVersion)
    }

    func offer(_ stream: StreamName, version: Int64, encode: @escaping @Sendable () throws -> Snapshot) {
        let scheduler = database.scheduler
        scheduler.note("offered", version)
        if scheduler.chance(database.plan.lostSnapshots) { return }
        let isSpoiled = scheduler.chance(database.plan.spoiledSnapshots)
        scheduler.call(after: scheduler.number(in: 0...20_000)) {
            guard var snapshot = try? encode() else { return }
            self.offered.withLock { $0.append(snapshot) }
            if isSpoiled { snapshot.data = [UInt8](snapshot.data.reversed()) }
            self.inner.offer(stream, version: version) { [snapshot] in snapshot }
        }
    }
}
