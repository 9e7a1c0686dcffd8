import Foundation
import Projections
import Runtime

/// How long the reading routes take at 500 requests a second, on 100,000 devices and their readings, through the HTTP
/// server; beside the aim.
struct QueriesBenchmark {
    let readings: Int64
    private static let devices = 100_000
    private static let perSecond = 500
    private static let seconds = 20
    private static let runs = 3
    private static let aim = Duration.milliseconds(20)
    private static let interval = Duration.seconds(60)

    func run(progress: @Sendable (String) -> Void, report: @Sendable (Measure) throws -> Void) async throws {
        let seen = try await ThrowawayServers.with { servers in
            try await servers.withDatabase(filledBy: { try await fill($0) }) { url in
                progress("queries: \(readings) readings are stored, and the views are there")
                return try await ServedGateway.with(url) { gateway in
                    var seen: [[String: Latencies]] = []
                    let questions = self.questions
                    let pace = Pace(perSecond: Self.perSecond, seconds: Self.seconds)
                    // The first one brings what it reads into memory, and does not count.
                    for run in 0...Self.runs {
                        let latencies = try await PacedRequests(questions: questions, pace: pace).run(on: gateway)
                        if run > 0 { seen.append(latencies) }
                        progress("queries: run \(run) of \(Self.runs)")
                    }
                    return seen
                }
            }
        }
        try report(measure("all", seen.map { run in run.values.reduce(into: Latencies()) { $0.add($1) } }))
        for kind in QueryMixture.Kind.allCases {
            try report(measure(kind.rawValue, seen.compactMap { $0[kind.rawValue] }))
        }
    }

    private var questions: QueryMixture {
        let end = SampleEvents.start + Self.interval * Int(readings / Int64(Self.devices) + 1)
        return QueryMixture(devices: Self.devices, start: SampleEvents.start, end: end)
    }

    private func measure(_ name: String, _ runs: [Latencies]) -> Measure {
        let (seen, aim) = runs.reduce(into: (Samples(), Samples())) { samples, run in
            samples.0.add(run.percentile(99) / .microseconds(1))
            samples.1.add(Self.aim / .microseconds(1))
        }
        return Measure("queries.\(Self.perSecond).\(name)", unit: "µs", of: seen, beside: aim)
    }

    private func fill(_ url: String) async throws {
        try await FilledLog(
            events: readings + Int64(Self.devices), devices: Self.devices, areRegistered: true, interval: Self.interval,
            isOfTemperature: true
        ).fill(url)
        try await BenchLog.with(url) { log in
            _ = try await RebuiltView<DevicesProjection>(log).rebuild()
            _ = try await RebuiltView<TelemetryProjection>(log).rebuild()
        }
    }
}
