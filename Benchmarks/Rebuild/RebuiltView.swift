import Projections
import Runtime

/// A view, rebuilt as a server does it.
struct RebuiltView<P: WideProjection> {
    private let log: BenchLog
    private let rebuilds: PostgresRebuilds

    private struct SoleServer: Lease {
        func lead(_ body: @escaping @Sendable () async -> Void) async { await body() }
    }

    init(_ log: BenchLog) {
        self.log = log
        rebuilds = PostgresRebuilds([P.self], store: log.store, pool: log.pool)
    }

    /// Events a second, from asking for it until it serves.
    func rebuild() async throws -> Double {
        let begin = ContinuousClock.now
        let begun = try await rebuilds.start(P.name, eventLimit: nil, acceptingLoss: false, askedBy: "benchmark")
        var pace = RebuildPace()
        pace.looks = .milliseconds(20)
        let runner = runner(pace)
        let ended = try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await runner.run() }
            defer { group.cancelAll() }
            while true {
                guard let now = try await rebuilds.statuses().first(where: { $0.name == P.name })?.rebuild,
                    now.number == begun.number, now.state != .failed
                else { throw BenchmarkFailed("the rebuild has failed") }
                if now.state == .finished { return now }
                try await Task.sleep(for: .milliseconds(50))
            }
        }
        guard ended.comparison?.isIdentical == true || begun.generation == 2 else {
            throw BenchmarkFailed("the rebuilt view differs from the live one")
        }
        return Double(ended.progress.events) / ((.now - begin) / .seconds(1))
    }

    private func runner(_ pace: RebuildPace) -> RebuildRunner {
        RebuildRunner(
            [P.self], store: log.store, pool: log.pool, lease: SoleServer(), pace: pace, logger: silent)
    }

    func dropPrevious() async throws {
        let runner = runner(RebuildPace())
        try await rebuilds.dropPrevious(P.name)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await runner.run() }
            defer { group.cancelAll() }
            while try await rebuilds.statuses().first(where: { $0.name == P.name })?.generations.count != 1 {
                try await Task.sleep(for: .milliseconds(50))
            }
        }
    }
}
