import Aggregates
import Runtime

/// How fast cold actors wake: 10,000 at once, beside reading the same rows and doing nothing with them; and one at a
/// time, beside the same two reads.
struct WakeBenchmark {
    private static let devices = 10_000
    private static let alone = 2_000

    func run(progress: @Sendable (String) -> Void, report: @Sendable (Measure) throws -> Void) async throws {
        let seen = try await ThrowawayServers.with { servers in
            try await servers.withDatabase { url in
                try await BenchLog.with(url) { log in
                    try await Self.measured(with: log, progress: progress)
                }
            }
        }
        try report(Measure("wake.\(Self.devices).reading", unit: "actors/s", of: seen.waking, beside: seen.reading))
        try report(Measure("wake.1.latency", unit: "µs", of: seen.one, beside: seen.queries))
    }

    private struct Seen: Sendable {
        /// Actors per second.
        var (waking, reading) = (Samples(), Samples())
        /// Microseconds.
        var (one, queries) = (Samples(), Samples())
    }

    private static func measured(with log: BenchLog, progress: (String) -> Void) async throws -> Seen {
        let cold = try await ColdDevices(count: devices, log: log)
        progress("wake: \(devices) devices sleep")
        var seen = Seen()
        for run in 1...Benchmark.runs {
            seen.reading.add(Double(devices) / (try await cold.readAll() / .seconds(1)))
            seen.waking.add(Double(devices) / (try await cold.wakeAll() / .seconds(1)))
            seen.queries.add(try await cold.latencyOfReading(alone) / .microseconds(1))
            seen.one.add(try await cold.latencyOfWaking(alone) / .microseconds(1))
            progress("wake: run \(run) of \(Benchmark.runs)")
        }
        return seen
    }
}
