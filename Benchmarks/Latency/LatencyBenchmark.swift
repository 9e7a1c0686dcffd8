/// How long an append takes at 1,000 a second, far from what the store can do, beside bare inserts at the same times.
struct LatencyBenchmark {
    private static let perSecond = 1_000
    private static let percentiles = [("p50", 50), ("p99", 99), ("p999", 99.9)]
    var seconds = 10

    func run(progress: @Sendable (String) -> Void, report: @Sendable (Measure) throws -> Void) async throws {
        let pace = Pace(perSecond: Self.perSecond, seconds: seconds)
        var (store, plain) = ([Latencies](), [Latencies]())
        try await ThrowawayServers.with { servers in
            for run in 1...Benchmark.runs {
                store.append(try await servers.withDatabase { try await PacedAppends(pace: pace).run(on: $0) })
                plain.append(try await servers.withDatabase { try await PacedInserts(pace: pace).run(on: $0) })
                progress("latency: run \(run) of \(Benchmark.runs)")
            }
        }
        for (name, percent) in Self.percentiles {
            let samples = [store, plain].map { runs in
                runs.reduce(into: Samples()) { $0.add($1.percentile(percent) / .microseconds(1)) }
            }
            try report(
                Measure("latency.\(Self.perSecond).\(name)", unit: "µs", of: samples[0], beside: samples[1]))
        }
    }
}
