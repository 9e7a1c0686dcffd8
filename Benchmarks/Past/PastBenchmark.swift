import Runtime

/// How long the state of a device at a version or an instant takes, of 100,000 events, through the HTTP server; beside
/// reading the same snapshot and the same events by bare libpq.
struct PastBenchmark {
    private static let events = 100_000
    private static let questions = 400
    private static let runs = 3

    func run(progress: @Sendable (String) -> Void, report: @Sendable (Measure) throws -> Void) async throws {
        let seen = try await ThrowawayServers.with { servers in
            var longLife: LongLife?
            return try await servers.withDatabase(
                filledBy: { url in
                    longLife = try await BenchLog.with(url) { try await LongLife(events: Self.events, log: $0) }
                }
            ) { url in
                guard let device = longLife else { throw BenchmarkFailed("there is no device") }
                progress("past: a device has \(Self.events) events and \(device.snapshots.count) snapshots")
                return try await ServedGateway.with(url) { gateway in
                    try await Self.measured(device, gateway, url, progress: progress)
                }
            }
        }
        try report(Measure("past.version.libpq", unit: "µs", of: seen.version, beside: seen.plain))
        try report(Measure("past.instant.libpq", unit: "µs", of: seen.instant, beside: seen.plain))
    }

    private struct Seen: Sendable {
        /// Microseconds, 99th percentiles.
        var (version, instant, plain) = (Samples(), Samples(), Samples())
    }

    private static func measured(
        _ device: LongLife, _ gateway: ServedGateway, _ url: String, progress: (String) -> Void
    ) async throws -> Seen {
        var (seen, numbers) = (Seen(), UInt64(0))
        for run in 1...runs {
            let versions = (0..<questions).map { _ in
                numbers += 1
                return 1 + Int64(SampleEvents.mixed(numbers) % UInt64(events))
            }
            seen.plain.add(try await onThreadOfItsOwn { try device.readPlainly(versions, url) })
            seen.version.add(
                try await asked(versions.map { "\(device.path)?version=\($0)" }, of: gateway))
            seen.instant.add(
                try await asked(versions.map { "\(device.path)?at=\(device.time(of: $0))" }, of: gateway))
            progress("past: run \(run) of \(runs)")
        }
        return seen
    }

    private static func asked(_ paths: [String], of gateway: ServedGateway) async throws -> Double {
        try await onThreadOfItsOwn {
            let requests = try PlainRequests(to: gateway)
            var latencies = Latencies()
            for path in paths {
                latencies.add(try ContinuousClock().measure { try requests.get(path) })
            }
            return latencies.percentile(99) / .microseconds(1)
        }
    }
}
