import Runtime

/// What a report costs in one rollout of 10,000 devices, through actor and Postgres: the second and the last quarter of
/// devices beside the first. As many snapshots fall into each quarter.
struct RolloutBenchmark {
    private static let devices = 10_000

    func run(progress: @Sendable (String) -> Void, report: @Sendable (Measure) throws -> Void) async throws {
        try await ThrowawayServers.with { servers in
            var costs = [(time: Samples, processor: Samples)](repeating: (Samples(), Samples()), count: 4)
            for run in 1...Benchmark.runs {
                let quarters = try await servers.withDatabase { url in
                    try await BenchLog.with(url) { log in
                        try await ReportingDevices(count: Self.devices, log: log).run()
                    }
                }
                for (quarter, cost) in quarters.enumerated() {
                    costs[quarter].time.add(cost.time)
                    costs[quarter].processor.add(cost.processor)
                }
                progress("rollout: run \(run) of \(Benchmark.runs)")
            }
            for quarter in [2, 4] {
                let (first, late) = (costs[0], costs[quarter - 1])
                let name = "rollout.\(Self.devices).quarter\(quarter)"
                try report(Measure("\(name).time", unit: "µs/report", of: late.time, beside: first.time))
                try report(
                    Measure("\(name).processor", unit: "µs/report", of: late.processor, beside: first.processor))
            }
        }
    }
}
