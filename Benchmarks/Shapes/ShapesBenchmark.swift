/// What the shape of the log costs: many small streams, a few hot ones, a few hot ones among many others; each also
/// beside a reader that catches up from the start.
struct ShapesBenchmark {
    private static let runs = 3
    var time = Duration.seconds(2)

    func run(progress: @Sendable (String) -> Void, report: @Sendable (Measure) throws -> Void) async throws {
        try await ThrowawayServers.with { servers in
            let (streams, versions) = (ShapedStreams.count, ShapedStreams().versions)
            let filled = try await servers.filled { url in
                try await FilledLog(events: Int64(streams * versions), devices: streams).fill(url)
            }
            for shape in LogShape.allCases {
                let writers = ShapedWriters(shape: shape, time: time)
                var (alone, beside, plain) = (Samples(), Samples(), Samples())
                for run in 1...Self.runs {
                    let result = try await filled.withDatabase { try await writers.run(on: $0, withReader: false) }
                    alone.add(result.perSecond)
                    beside.add(
                        try await filled.withDatabase { try await writers.run(on: $0, withReader: true).perSecond })
                    let appends = writers.appends(rounds: result.rounds)
                    plain.add(try await filled.withDatabase { try await appends.run(on: $0) })
                    progress("shapes, \(shape.rawValue): run \(run) of \(Self.runs)")
                }
                let name = "shapes.\(shape.rawValue)"
                try report(Measure("\(name).libpq", unit: "events/s", of: alone, beside: plain))
                try report(Measure("\(name).reader.libpq", unit: "events/s", of: beside, beside: plain))
            }
        }
    }
}
