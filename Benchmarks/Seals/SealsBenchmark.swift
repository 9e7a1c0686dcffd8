import Runtime

/// How fast the log is sealed, and verified, each beside bare libpq that reads the same events.
struct SealsBenchmark {
    private static let events: Int64 = 10_000_000
    private static let slice = events / Int64(Benchmark.runs)
    private static let name = "bench"

    func run(progress: @Sendable (String) -> Void, report: @Sendable (Measure) throws -> Void) async throws {
        let seen = try await ThrowawayServers.with { servers in
            try await servers.withDatabase(filledBy: { url in
                try await FilledLog(events: Self.events, devices: 100_000).fill(url)
            }) { url in
                progress("seals: \(Self.events) events are stored")
                return try await BenchLog.with(url) { log in try await Self.measured(log, url, progress: progress) }
            }
        }
        try report(Measure("seals.seal.copy", unit: "events/s", of: seen.sealed, beside: seen.plain))
        try report(Measure("seals.verify.copy", unit: "events/s", of: seen.verified, beside: seen.plain))
    }

    private struct Seen: Sendable {
        /// Events per second.
        var (plain, sealed, verified) = (Samples(), Samples(), Samples())
    }

    private static func measured(_ log: BenchLog, _ url: String, progress: (String) -> Void) async throws -> Seen {
        var seen = Seen()
        // The first to read a row writes to its page.
        _ = try await ReadLog(store: log.store).undecoded(events)
        let key = try SealKey.random(name: name)
        var term = try await SealingTerm(log.pool)
        for run in 1...Int64(Benchmark.runs) {
            seen.plain.add(try await rate(slice) { _ = try await ReadLog.plain(url, events: slice) })
            seen.sealed.add(try await rate(slice) { try await term.seal(through: run * slice) })
            progress("seals: sealed \(run * slice) of \(events)")
        }
        _ = try await term.sign(at: events, .now(), with: [key])
        for run in 1...Benchmark.runs {
            seen.verified.add(
                try await rate(events) {
                    let report = try await SealAudit(of: log.pool, trusting: [key.verifier]).run { _, _ in }
                    guard report.findings.count == 0, report.head == events, report.heads == 1 else {
                        throw BenchmarkFailed("the verification found \(report.findings.count) faults")
                    }
                })
            progress("seals: verified \(run) of \(Benchmark.runs) times")
        }
        return seen
    }

    private static func rate(_ events: Int64, _ body: () async throws -> Void) async throws -> Double {
        let begin = ContinuousClock.now
        try await body()
        return Double(events) / ((.now - begin) / .seconds(1))
    }
}
