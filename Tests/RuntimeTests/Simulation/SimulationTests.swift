import Testing

@testable import Runtime

/// A seed chooses what is asked of how many servers, what breaks, and at every moment who is next. What must hold then is
/// said by ``SimulationChecks``.
@Suite struct `A simulation` {
    @Test func `finds the log, the actors and the followers right in every schedule`() async {
        let (first, count) = (SimulationSettings.seed, UInt64(SimulationSettings.schedules))
        async let odd = reports(of: Array(stride(from: first, to: first + count, by: 2)))
        async let even = reports(of: Array(stride(from: first + 1, to: first + count, by: 2)))
        let all = await odd + even
        #expect(!all.isEmpty)
        for (seed, report) in all where !report.anomalies.isEmpty {
            Issue.record(
                """
                schedule \(seed), repeated by FLEETLOG_SIMULATION_SEED=\(seed):
                \(report.anomalies.joined(separator: "\n"))
                """)
        }
    }

    @Test func `is the same for the same seed, and another for another`() async {
        let seeds: [UInt64] = Array(1...40)
        let (once, again) = (await reports(of: seeds), await reports(of: seeds.reversed()))
        let traces = once.map(\.report.trace)
        #expect(traces == again.reversed().map(\.report.trace))
        #expect(Set(traces).count == seeds.count)
    }

    /// Runs one schedule after another on a thread of its own, until one of them fails.
    private func reports(of seeds: [UInt64]) async -> [(seed: UInt64, report: Simulation.Report)] {
        await withCheckedContinuation { continuation in
            let hasStarted = SystemThread.start(name: "simulation") {
                var reports: [(UInt64, Simulation.Report)] = []
                for seed in seeds {
                    reports.append((seed, Simulation.run(seed: seed, isTraced: SimulationSettings.isTraced)))
                    if reports.last?.1.anomalies.isEmpty == false { break }
                }
                continuation.resume(returning: reports)
            }
            if !hasStarted { continuation.resume(returning: []) }
        }
    }
}
