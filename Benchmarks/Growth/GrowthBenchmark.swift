/// What a long log costs, beside one of a million events; both are there at once and take turns.
struct GrowthBenchmark {
    private static let runs = 3
    /// Millions of events.
    let sizes: [Int]

    func run(progress: @Sendable (String) -> Void, report: @Sendable (Measure) throws -> Void) async throws {
        try await ThrowawayServers.with { servers in
            for size in sizes {
                let figures = try await LogOfSize.with(millions: size, on: servers) { old in
                    progress("growth: \(size) million events are stored")
                    // Anew for each, since being measured makes it longer.
                    return try await LogOfSize.with(millions: 1, on: servers) { young in
                        try await Self.compare(old, young, at: size, progress: progress)
                    }
                }
                for measure in Self.measures(of: size, figures) { try report(measure) }
            }
        }
    }

    private typealias Pair = (old: [GrowthFigure: Double], young: [GrowthFigure: Double])

    private static func compare(
        _ old: LogOfSize, _ young: LogOfSize, at size: Int, progress: (String) -> Void
    ) async throws -> [Pair] {
        var pairs: [Pair] = []
        // The first one brings what it reads into memory and does not count. Streams of writers are never used twice.
        for run in 0...runs {
            let pair = (old: try await old.measure(run: run), young: try await young.measure(run: run))
            if run > 0 { pairs.append(pair) }
            progress("growth, \(size) million: run \(run) of \(runs)")
        }
        return pairs
    }

    private static func measures(of size: Int, _ pairs: [Pair]) -> [Measure] {
        GrowthFigure.allCases.map { figure in
            var (old, young) = (Samples(), Samples())
            for pair in pairs {
                old.add(pair.old[figure] ?? 0)
                young.add(pair.young[figure] ?? 0)
            }
            return Measure("growth.\(size)m.\(figure.rawValue)", unit: figure.unit, of: old, beside: young)
        }
    }
}
