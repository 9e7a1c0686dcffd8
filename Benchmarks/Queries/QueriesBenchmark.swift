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

    /// Questions that nobody has asked before, and the same once more, when what they read lies in memory and the reads of
    /// personal data are in the log.
    private enum Round: CaseIterable {
        case new, again

        var prefix: String { self == .new ? "" : "again." }
    }

    func run(progress: @Sendable (String) -> Void, report: @Sendable (Measure) throws -> Void) async throws {
        let seen = try await ThrowawayServers.with { servers in
            try await servers.withDatabase(filledBy: { try await fill($0) }) { url in
                progress("queries: \(readings) readings are stored, and the views are there")
                return try await ServedGateway.with(url) { try await ask($0, progress) }
            }
        }
        for round in Round.allCases {
            let runs = seen[round] ?? []
            let all = runs.map { run in run.values.reduce(into: Latencies()) { $0.add($1) } }
            try report(measure(round.prefix + "all", all))
            for kind in QueryMixture.Kind.allCases {
                try report(measure(round.prefix + kind.rawValue, runs.compactMap { $0[kind.rawValue] }))
            }
        }
    }

    private func ask(
        _ gateway: ServedGateway, _ progress: @Sendable (String) -> Void
    ) async throws -> [Round: [[String: Latencies]]] {
        var seen: [Round: [[String: Latencies]]] = [:]
        let pace = Pace(perSecond: Self.perSecond, seconds: Self.seconds)
        for round in Round.allCases {
            // The first does not count: connections are opened, and plans are made.
            for run in (round == .new ? 0 : 1)...Self.runs {
                let requests = PacedRequests(questions: questions, pace: pace, start: run * pace.count)
                let latencies = try await requests.run(on: gateway)
                if run > 0 { seen[round, default: []].append(latencies) }
                progress("queries: \(round), run \(run) of \(Self.runs)")
            }
        }
        return seen
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
            _ = try await RebuiltView<StatesProjection>(log).rebuild()
        }
    }
}
