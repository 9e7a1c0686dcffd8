import Projections
import Runtime

/// How fast the view `telemetry` is rebuilt, beside a COPY of the very rows that it writes, what that costs in memory, and how
/// far the live view falls behind meanwhile.
///
/// Each device reports once a minute, so an event changes a row of its hour for each of its metrics.
struct TelemetryRebuildBenchmark {
    let events: Int64
    private static let devices = 10_000
    /// What the rows are copied under, beside those that are live.
    private static let generation = 1_000
    /// About a gigabyte.
    private static let blocksOfPortion = 100_000
    /// Events a second that come meanwhile.
    private static let trickle = 200

    /// One where it takes an hour.
    private var runs: Int { events > 2_000_000 ? 1 : 3 }

    func run(progress: @Sendable (String) -> Void, report: @Sendable (Measure) throws -> Void) async throws {
        let seen = try await ThrowawayServers.with { servers in
            var seen = Seen()
            seen.memoryOfQuarter.add(
                try await servers.withDatabase(filledBy: { try await fill($0, events / 4) }) { url in
                    try await rebuilt(url).memory
                })
            let servers = try await servers.filled { url in
                try await fill(url, events)
                // The first one makes what is live.
                _ = try await rebuilt(url)
            }
            progress("telemetry: \(events) events are stored, and the live view")
            for run in 1...runs {
                seen.plain.add(try await onSettled(servers) { try await copied($0) })
                seen.asRows.add(
                    try await onSettled(servers) { try await WindowsAsRows(url: $0, events: events).copied() })
                let (rate, memory) = try await onSettled(servers) { try await rebuilt($0) }
                seen.rebuilt.add(rate)
                seen.memory.add(memory)
                progress("telemetry: run \(run) of \(runs)")
            }
            seen.tether.add(try await onSettled(servers) { try await tether($0) })
            return seen
        }
        try report(Measure("rebuild.telemetry.copy", unit: "events/s", of: seen.rebuilt, beside: seen.plain))
        try report(Measure("rebuild.telemetry.rows", unit: "events/s", of: seen.rebuilt, beside: seen.asRows))
        try report(Measure("rebuild.telemetry.memory", unit: "MiB", of: seen.memory, beside: seen.memoryOfQuarter))
        try report(Measure("rebuild.telemetry.tether", unit: "ms", of: seen.tether, beside: seen.aim))
    }

    private struct Seen: Sendable {
        /// Events per second.
        var (plain, asRows, rebuilt) = (Samples(), Samples(), Samples())
        /// MiB.
        var (memory, memoryOfQuarter) = (Samples(), Samples())
        /// Milliseconds from commit to the live view, 99th percentile.
        var tether = Samples()

        var aim: Samples {
            var aim = Samples()
            aim.add(1_000)
            return aim
        }
    }

    /// A copy of the filled database, vacuumed: the first to read a row would write to its page.
    private func onSettled<Value: Sendable>(
        _ servers: ThrowawayServers, _ body: (String) async throws -> Value
    ) async throws -> Value {
        try await servers.withDatabase(filledBy: { _ in }, body)
    }

    private func fill(_ url: String, _ events: Int64) async throws {
        try await FilledLog(events: events, devices: Self.devices, areRegistered: true, interval: .seconds(60)).fill(
            url)
    }

    /// Events a second, and by how many MiB the program grew.
    private func rebuilt(_ url: String) async throws -> (rate: Double, memory: Double) {
        try await BenchLog.with(url) { log in
            var rate = 0.0
            let memory = try await ResidentMemory.growth {
                rate = try await RebuiltView<TelemetryProjection>(log).rebuild()
            }
            return (rate, memory)
        }
    }

    private func tether(_ url: String) async throws -> Double {
        try await BenchLog.with(url) { log in
            try await LiveView<TelemetryProjection>(log, devices: Self.devices).lag(
                at: Self.trickle, during: { _ = try await RebuiltView<TelemetryProjection>(log).rebuild() }
            ).view
        }
    }

    /// Events a second whose rows are copied, in the order in which they were written; all at once would not go into memory.
    private func copied(_ url: String) async throws -> Double {
        let blocks = try await BenchLog.with(url) { try await TelemetryTable.blocks($0.pool) }
        return try await onThreadOfItsOwn {
            let from = try PlainConnection(url)
            let to = try PlainConnection(url)
            var copying = Duration.zero
            for start in stride(from: 0, to: blocks, by: Self.blocksOfPortion) {
                let end = min(blocks, start + Self.blocksOfPortion)
                let rows = try from.copiedOut(
                    """
                    select \(Self.generation), device, metric, length, start, account, count, minimum, maximum, last,
                        last_time, sum, squares, unsummed, provisional, minutes
                    from \(TelemetryProjection.table) where ctid >= '(\(start),0)' and ctid < '(\(end),0)'
                        -- What was copied lies where there was room.
                        and generation <> \(Self.generation)
                    """)
                let begin = ContinuousClock.now
                try to.copy(into: TelemetryProjection.table, rows)
                copying += .now - begin
            }
            return Double(events) / (copying / .seconds(1))
        }
    }
}
