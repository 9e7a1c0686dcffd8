import Aggregates
import Runtime
import Workflows

/// A log and a runner over it with the workflows that the server runs, for as long as `with` lasts.
struct BenchLog: Sendable {
    let store: PostgresEventStore
    let pool: PostgresPool

    static func with<Value: Sendable>(
        _ url: String, connections: Int = 4, _ body: @Sendable (BenchLog) async throws -> Value
    ) async throws -> Value {
        let url = try DatabaseURL(url)
        let (appending, reading) = (try PollThread(name: "bench-append"), try PollThread(name: "bench-read"))
        defer {
            appending.shutdown()
            reading.shutdown()
        }
        let pool = PostgresPool(url: url, size: connections, threads: [reading], logger: silent)
        defer { pool.close() }
        let log = BenchLog(
            store: PostgresEventStore(url: url, pool: pool, thread: appending, logger: silent), pool: pool)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await log.store.run() }
            defer { group.cancelAll() }
            return try await body(log)
        }
    }

    func append(_ changes: [StreamChange]) async throws {
        guard case .accepted = try await store.append(Append(changes)) else {
            throw BenchmarkFailed("the store answered a conflict")
        }
    }

    /// Registers the fleet and lets it report; a rollout takes place at the same time.
    func fill(with fleet: BenchFleet) async throws {
        let lanes = 4
        let size = BenchFleet.devices / lanes
        try await withThrowingTaskGroup(of: Void.self) { group in
            for lane in 0..<lanes {
                group.addTask { try await fill(lane * size..<(lane + 1) * size, of: fleet, withRollout: lane == 0) }
            }
            try await group.waitForAll()
        }
    }

    private func fill(_ devices: Range<Int>, of fleet: BenchFleet, withRollout: Bool) async throws {
        let batch = 500
        let batches = stride(from: devices.lowerBound, to: devices.upperBound, by: batch).map { $0..<$0 + batch }
        for batch in batches { try await append(batch.map { try fleet.registration(of: $0) }) }
        let rollout = try withRollout ? fleet.rollout() : nil
        var rest = rollout?.events[...] ?? []
        let share = rest.count / (batches.count * BenchFleet.readings) + 1
        for reading in 1...BenchFleet.readings {
            for batch in batches {
                var changes = batch.map { fleet.reading(reading, of: $0) }
                if let rollout, !rest.isEmpty {
                    changes.append(
                        StreamChange(
                            rollout.stream, expecting: Int64(rest.startIndex), events: Array(rest.prefix(share))))
                    rest = rest.dropFirst(share)
                }
                try await append(changes)
            }
        }
    }

    /// Runs `body` beside a runner, which carries its commands out as the server does.
    func withRunner<Value: Sendable>(
        _ body: @Sendable (AsyncStream<RunnerHappening>) async throws -> Value
    ) async throws -> Value {
        let (stream, happenings) = AsyncStream<RunnerHappening>.makeStream()
        let snapshots = InMemorySnapshotStore()
        let dispatch = CommandDispatch(
            devices: DirectorySink(Directory<Device>(store: store, snapshots: snapshots)),
            alerts: DirectorySink(Directory<Alert>(store: store, snapshots: snapshots)),
            rollouts: DirectorySink(Directory<Rollout>(store: store, snapshots: snapshots)))
        let runner = WorkflowRunner(
            [WorkflowHost(Overheating.self), WorkflowHost(Silence.self), WorkflowHost(RolloutDriver.self)],
            store: store, pool: pool, dispatch: dispatch, lease: SoleServer(), server: "bench", logger: silent,
            observe: { happenings.yield($0) })
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await runner.run() }
            defer { group.cancelAll() }
            return try await body(stream)
        }
    }
}

private struct SoleServer: Lease {
    func lead(_ body: @escaping @Sendable () async -> Void) async { await body() }
}
