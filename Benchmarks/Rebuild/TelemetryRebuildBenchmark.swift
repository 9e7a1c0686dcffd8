import Projections
import Runtime

/// How fast the view `telemetry` is rebuilt, beside one COPY of the very rows that it writes.
///
/// Each device reports once a minute, so an event makes a row for each of its metrics, and changes those of the hour.
struct TelemetryRebuildBenchmark {
    let events: Int64
    private static let devices = 10_000
    private static let runs = 3
    /// What the rows are copied under, beside those that are live.
    private static let generation = 1_000

    func run(progress: @Sendable (String) -> Void, report: @Sendable (Measure) throws -> Void) async throws {
        let (rebuilt, plain) = try await ThrowawayServers.with { servers in
            let servers = try await servers.filled { try await fill($0) }
            progress("telemetry: \(events) events are stored, and the live view")
            let rows = try await servers.withDatabase { url in try await Self.rows(url) }
            var (rebuilt, plain) = (Samples(), Samples())
            for run in 1...Self.runs {
                let copying = try await onSettled(servers) { url in
                    let begin = ContinuousClock.now
                    try await onThreadOfItsOwn {
                        try PlainConnection(url).copy(into: TelemetryProjection.table, rows)
                    }
                    return .now - begin
                }
                plain.add(Double(events) / (copying / .seconds(1)))
                rebuilt.add(
                    try await onSettled(servers) { url in
                        try await BenchLog.with(url) { try await RebuiltView<TelemetryProjection>($0).rebuild() }
                    })
                progress("telemetry: run \(run) of \(Self.runs)")
            }
            return (rebuilt, plain)
        }
        try report(Measure("rebuild.telemetry.copy", unit: "events/s", of: rebuilt, beside: plain))
    }

    /// A copy of the filled database, vacuumed: the first to read a row would write to its page.
    private func onSettled<Value: Sendable>(
        _ servers: ThrowawayServers, _ body: (String) async throws -> Value
    ) async throws -> Value {
        try await servers.withDatabase(filledBy: { _ in }, body)
    }

    private func fill(_ url: String) async throws {
        try await FilledLog(events: events, devices: Self.devices, areRegistered: true, interval: .seconds(60)).fill(
            url)
        // The first one makes what is live.
        try await BenchLog.with(url) { _ = try await RebuiltView<TelemetryProjection>($0).rebuild() }
    }

    /// In the order in which they were written.
    private static func rows(_ url: String) async throws -> [UInt8] {
        try await onThreadOfItsOwn {
            let connection = try PlainConnection(url)
            try connection.execute("set synchronize_seqscans = off")
            return try connection.copiedOut(
                """
                select \(generation), device, metric, length, start, account, count, minimum, maximum, last, last_time,
                    sum, squares, unsummed, provisional
                from \(TelemetryProjection.table)
                """)
        }
    }
}
