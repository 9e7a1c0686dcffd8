import Runtime

/// One actor that 1,000 commanders want at once, beside appending as many events to one stream by bare libpq.
struct ActorBenchmark {
    private static let commanders = 1_000
    var time = Duration.seconds(3)

    func run(progress: @Sendable (String) -> Void, report: @Sendable (Measure) throws -> Void) async throws {
        var (actor, plain) = (Samples(), Samples())
        try await ThrowawayServers.with { servers in
            for run in 1...Benchmark.runs {
                let result = try await servers.withDatabase { url in
                    try await HotActor(commanders: Self.commanders, time: time).run(on: url)
                }
                actor.add(result.perSecond)
                let appends = PlainAppends(Self.appends(of: result.commands))
                plain.add(try await servers.withDatabase { try await appends.run(on: $0) })
                progress("actor: run \(run) of \(Benchmark.runs)")
            }
        }
        try report(Measure("actor.\(Self.commanders).libpq", unit: "commands/s", of: actor, beside: plain))
    }

    /// To one stream, as many events at a time as the store puts into a batch.
    private static func appends(of events: Int) -> [[Append]] {
        let sample = SampleEvents()
        let limit = CommitQueue<Never>.Limits().batchEvents
        return stride(from: 0, to: events, by: limit).map { first in
            let versions = first + 1...min(first + limit, events)
            let events = versions.map { sample.event(of: 0, version: Int64($0)) }
            return [Append([StreamChange(sample.stream(of: 0), expecting: Int64(first), events: events)])]
        }
    }
}
