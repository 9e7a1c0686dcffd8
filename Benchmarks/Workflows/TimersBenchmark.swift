import Runtime
import Workflows

/// 100,000 timers due within one minute, each of them a decision: how late the decisions are recorded, beside deleting
/// the same rows with the same statement loop and nothing else.
struct TimersBenchmark {
    private static let runs = 2

    func run(progress: @Sendable (String) -> Void, report: @Sendable (Measure) throws -> Void) async throws {
        try await ThrowawayServers.with { servers in
            var (fired, deleted) = (Samples(), Samples())
            for run in 1...Self.runs {
                fired.add(
                    try await servers.withDatabase { url in
                        try await BenchLog.with(url) { log in try await Self.fire(log) }
                    })
                deleted.add(
                    try await servers.withDatabase { url in
                        try await BenchLog.with(url) { log in try await Self.delete(log) }
                    })
                progress("timers: run \(run) of \(Self.runs)")
            }
            try report(Measure("timers.\(BenchLog.devices).lateness", unit: "ms", of: fired, beside: deleted))
        }
    }

    private static func fire(_ log: BenchLog) async throws -> Double {
        try await setTimers(log, in: .seconds(5))
        try await log.withRunner { happenings in
            var count = 0
            for await happening in happenings {
                if case .recorded(let step) = happening { count += step.fired }
                if count >= BenchLog.devices { break }
            }
        }
        let percentile = Statement(
            "lateness",
            """
            select count(*), coalesce(percentile_cont(0.99) within group (
                order by extract(epoch from recorded_time - observed_time)::float8), 0) * 1000
            from events where category = 'workflow'
            """)
        let row = try await log.pool.withConnection { try await $0.query(percentile()).first }
        guard let row, try row.int8(0) == Int64(BenchLog.devices) else {
            throw BenchmarkFailed("not every timer fired once")
        }
        return try row.float8(1)
    }

    private static func delete(_ log: BenchLog) async throws -> Double {
        try await setTimers(log, in: .seconds(5))
        let statement = Statement(
            "delete due timers",
            "delete from timers where due_time <= clock_timestamp() returning due_time, clock_timestamp()")
        var latencies = Latencies()
        var count = 0
        while count < BenchLog.devices {
            let rows = try await log.pool.withConnection { try await $0.query(statement()) }
            let now = Timestamp.now()
            for row in rows { latencies.add((now - (try row.timestamp(0))) / .milliseconds(1)) }
            count += rows.count
            try await Task.sleep(for: .milliseconds(10))
        }
        return latencies.percentile(99)
    }

    /// Instances that have seen an event each, and their timers, spread over a minute.
    private static func setTimers(_ log: BenchLog, in delay: Duration) async throws {
        let states = Statement.unprepared(
            "states",
            """
            insert into workflow_states (workflow, key, position, event, version, state_version, state, account, streams)
            select 'quiet', 'bench' || n, n, gen_random_uuid(), 0, 1, '{"first":1,"lastSeen":1}', 'default',
                array['device-bench' || n]
            from generate_series(1, \(BenchLog.devices)) n
            """, effect: .writes)
        let timers = Statement.unprepared(
            "timers",
            """
            insert into timers (workflow, key, name, due_time)
            select 'quiet', 'bench' || n, 'silent',
                now() + interval '\(delay / .seconds(1)) seconds' + random() * interval '1 minute'
            from generate_series(1, \(BenchLog.devices)) n
            """, effect: .writes)
        _ = try await log.pool.withTransaction { connection in
            _ = try await connection.query(states())
            return try await connection.query(timers()).affected
        }
    }
}
