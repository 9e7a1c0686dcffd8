import Aggregates
import Runtime

/// How fast the log is read through, as it is stored and as typed events, beside bare libpq; and in how much memory.
struct ReadBenchmark {
    private static let events: Int64 = 1_000_000

    func run(progress: @Sendable (String) -> Void, report: @Sendable (Measure) throws -> Void) async throws {
        let seen = try await ThrowawayServers.with { servers in
            try await servers.withDatabase(filledBy: { url in
                try await FilledLog(events: Self.events * 3, devices: 10_000).fill(url)
            }) { url in
                progress("read: \(Self.events * 3) events are stored")
                return try await BenchLog.with(url) { log in try await Self.measured(log, url, progress: progress) }
            }
        }
        try report(Measure("read.undecoded.copy", unit: "events/s", of: seen.undecoded, beside: seen.plain))
        try report(Measure("read.decoded.copy", unit: "events/s", of: seen.decoded, beside: seen.plain))
        try report(
            Measure("read.\(Self.events * 3).memory", unit: "MiB", of: seen.memoryOfThree, beside: seen.memoryOfOne))
    }

    private struct Seen: Sendable {
        /// Events per second.
        var (plain, undecoded, decoded) = (Samples(), Samples(), Samples())
        /// MiB.
        var (memoryOfOne, memoryOfThree) = (Samples(), Samples())
    }

    private static func measured(_ log: BenchLog, _ url: String, progress: (String) -> Void) async throws -> Seen {
        let read = ReadLog(store: log.store)
        var seen = Seen()
        // The first to read a row writes to its page.
        _ = try await read.undecoded(events * 3)
        for run in 1...Benchmark.runs {
            seen.plain.add(try await rate { try await ReadLog.plain(url, events: events) })
            seen.undecoded.add(try await rate { try await read.undecoded(events) })
            let one = try await ResidentMemory.growth {
                seen.decoded.add(try await rate { try await read.decoded(events) })
            }
            seen.memoryOfOne.add(one)
            seen.memoryOfThree.add(try await ResidentMemory.growth { _ = try await read.decoded(events * 3) })
            progress("read: run \(run) of \(Benchmark.runs)")
        }
        return seen
    }

    private static func rate(_ body: () async throws -> Int) async throws -> Double {
        let begin = ContinuousClock.now
        let count = try await body()
        guard count == events else { throw BenchmarkFailed("read \(count) events of \(events)") }
        return Double(count) / ((.now - begin) / .seconds(1))
    }
}
