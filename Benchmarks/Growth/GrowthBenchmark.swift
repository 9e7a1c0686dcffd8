/// What a long log costs, beside one of a million events; both are there at once and take turns.
struct GrowthBenchmark {
    private static let runs = 3
    /// Millions of events.
    let sizes: [Int]

    func run(progress: @Sendable (String) -> Void, report: @Sendable (Measure) throws -> Void) async throws {
        try await ThrowawayServers.with { servers in
            try await LogOfSize.with(millions: 1, on: servers) { young in
                for size in sizes {
                    let rates = try await LogOfSize.with(millions: size, on: servers) { old in
                        progress("growth: \(size) million events are stored")
                        return try await Self.compare(old, young, at: size, progress: progress)
                    }
                    for measure in Self.measures(of: size, rates) { try report(measure) }
                }
            }
        }
    }

    private typealias Pair = (old: LogOfSize.Rates, young: LogOfSize.Rates)

    private static func compare(
        _ old: LogOfSize, _ young: LogOfSize, at size: Int, progress: (String) -> Void
    ) async throws -> [Pair] {
        var pairs: [Pair] = []
        // The first one brings what it reads into memory and does not count. Streams of writers are never used twice.
        for run in 0...runs {
            let number = size * 10 + run
            let pair = (old: try await old.measure(run: number), young: try await young.measure(run: number))
            if run > 0 { pairs.append(pair) }
            progress("growth, \(size) million: run \(run) of \(runs)")
        }
        return pairs
    }

    private static func measures(of size: Int, _ pairs: [Pair]) -> [Measure] {
        let kinds: [(name: String, unit: String, rate: (LogOfSize.Rates) -> Double)] = [
            ("append", "events/s", { $0.append }), ("stream", "streams/s", { $0.stream }),
            ("log", "events/s", { $0.log }), ("wake", "actors/s", { $0.wake }),
        ]
        return kinds.map { kind in
            var (old, young) = (Samples(), Samples())
            for pair in pairs {
                old.add(kind.rate(pair.old))
                young.add(kind.rate(pair.young))
            }
            return Measure("growth.\(size)m.\(kind.name)", unit: kind.unit, of: old, beside: young)
        }
    }
}
