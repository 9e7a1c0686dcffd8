import Aggregates
import Projections
import Runtime

/// How fast a view is rebuilt beside reading the same events and no more, what that costs the live view and in memory; and
/// how long after its commit an event is visible.
struct RebuildBenchmark {
    let events: Int64
    private static let devices = 100_000
    private static let runs = 3
    /// Events a second that come meanwhile.
    private static let trickle = 200

    func run(progress: @Sendable (String) -> Void, report: @Sendable (Measure) throws -> Void) async throws {
        let seen = try await ThrowawayServers.with { servers in
            let memory = try await servers.withDatabase(filledBy: { try await fill($0, events / 4) }) { url in
                try await BenchLog.with(url) { log in
                    try await ResidentMemory.growth { _ = try await RebuiltView<DevicesProjection>(log).rebuild() }
                }
            }
            return try await servers.withDatabase(filledBy: { try await fill($0, events) }) { url in
                progress("rebuild: \(events) events are stored")
                return try await BenchLog.with(url) { log in
                    var seen = try await measured(log, url, progress: progress)
                    seen.memoryOfQuarter.add(memory)
                    return seen
                }
            }
        }
        try report(Measure("rebuild.devices.copy", unit: "events/s", of: seen.rebuilt, beside: seen.plain))
        try report(Measure("rebuild.devices.memory", unit: "MiB", of: seen.memory, beside: seen.memoryOfQuarter))
        try report(Measure("rebuild.devices.tether", unit: "ms", of: seen.tether, beside: seen.tetherAlone))
        try report(Measure("views.2000.lag", unit: "ms", of: seen.lag, beside: seen.lagOfFollower))
    }

    private struct Seen: Sendable {
        /// Events per second.
        var (plain, rebuilt) = (Samples(), Samples())
        /// MiB.
        var (memory, memoryOfQuarter) = (Samples(), Samples())
        /// Milliseconds from commit to the live view, 99th percentiles.
        var (tether, tetherAlone, lag, lagOfFollower) = (Samples(), Samples(), Samples(), Samples())
    }

    private func fill(_ url: String, _ events: Int64) async throws {
        try await FilledLog(events: events, devices: Self.devices, areRegistered: true).fill(url)
    }

    private func measured(_ log: BenchLog, _ url: String, progress: @Sendable (String) -> Void) async throws -> Seen {
        let view = RebuiltView<DevicesProjection>(log)
        // The first one makes what is live; the first to read a row writes to its page.
        _ = try await view.rebuild()
        try await view.dropPrevious()
        progress("rebuild: the view is there")
        var seen = Seen()
        for run in 1...Self.runs {
            seen.plain.add(try await rate(events) { _ = try await ReadLog.plain(url, events: events) })
            seen.memory.add(
                try await ResidentMemory.growth {
                    seen.rebuilt.add(try await view.rebuild())
                })
            try await view.dropPrevious()
            progress("rebuild: run \(run) of \(Self.runs)")
        }
        let live = LiveView<DevicesProjection>(log, devices: Self.devices)
        seen.tetherAlone.add(try await live.lag(at: Self.trickle, for: .seconds(20)).view)
        seen.tether.add(
            try await live.lag(at: Self.trickle, during: { _ = try await view.rebuild() }).view)
        let lag = try await live.lag(at: 2_000, for: .seconds(20))
        seen.lag.add(lag.view)
        seen.lagOfFollower.add(lag.follower)
        return seen
    }

    private func rate(_ events: Int64, _ body: () async throws -> Void) async throws -> Double {
        let begin = ContinuousClock.now
        try await body()
        return Double(events) / ((.now - begin) / .seconds(1))
    }
}
