import Aggregates
import Runtime
import Synchronization
import Workflows

/// A log of telemetry and a runner over it, for as long as `with` lasts.
struct BenchLog: Sendable {
    static let devices = 100_000
    let store: PostgresEventStore
    let pool: PostgresPool

    static func with<Value: Sendable>(
        _ url: String, _ body: @Sendable (BenchLog) async throws -> Value
    ) async throws -> Value {
        let url = try DatabaseURL(url)
        let (appending, reading) = (try PollThread(name: "bench-append"), try PollThread(name: "bench-read"))
        defer {
            appending.shutdown()
            reading.shutdown()
        }
        let pool = PostgresPool(url: url, size: 4, threads: [reading], logger: silent)
        defer { pool.close() }
        let log = BenchLog(
            store: PostgresEventStore(url: url, pool: pool, thread: appending, logger: silent), pool: pool)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await log.store.run() }
            defer { group.cancelAll() }
            return try await body(log)
        }
    }

    /// Appends version `version` of these devices, some hundred at once.
    func append(_ devices: Range<Int>, version: Int64, isHot: (Int) -> Bool = { _ in false }) async throws {
        let sample = SampleEvents()
        let changes = devices.map { device in
            var event = sample.event(of: device, version: version)
            if isHot(device) { event.data = Self.hot }
            return StreamChange(sample.stream(of: device), expecting: version - 1, events: [event])
        }
        guard case .accepted = try await store.append(Append(changes)) else {
            throw BenchmarkFailed("the store answered a conflict")
        }
    }

    /// Far above any limit, so that one of them lifts the average.
    private static let hot = Array(#"{"clock":"device","metrics":{"temperature":9000},"seq":1}"#.utf8)

    func fill(readings: Int64) async throws {
        for version in 1...readings {
            for start in stride(from: 0, to: Self.devices, by: 500) {
                try await append(start..<start + 500, version: version)
            }
        }
    }

    func runner(_ observe: @escaping @Sendable (RunnerHappening) async -> Void) -> WorkflowRunner {
        WorkflowRunner(
            benchWorkflows, store: store, pool: pool,
            dispatch: CommandDispatch(alerts: NowhereSink(), rollouts: NowhereSink()), lease: SoleServer(),
            server: "bench", logger: silent, observe: observe)
    }

    /// Runs `body` beside a runner, which has begun.
    func withRunner<Value: Sendable>(
        _ body: @Sendable (AsyncStream<RunnerHappening>) async throws -> Value
    ) async throws -> Value {
        let (stream, happenings) = AsyncStream<RunnerHappening>.makeStream()
        let runner = runner { happenings.yield($0) }
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

private struct NowhereSink<Command: Sendable>: CommandSink {
    func send(_ batches: [(id: String, commands: [OutboundCommand<Command>])]) async -> [[CommandVerdict]] {
        batches.map { $0.commands.map { _ in .accepted } }
    }
}
