import Installation
import Support
import Testing

@testable import Runtime

#if !SANITIZE_THREAD
    import Synchronization
#endif

@Suite(.timeLimit(.minutes(10))) struct `Postgres connections that are cut between a statement and its answer` {
    private static let seeds = (0..<(ChaosPlan.isLong ? 50 : 3)).map { ChaosPlan.seed + UInt64($0) }

    @Test(arguments: seeds)
    func `leave each append stored exactly once, and answered so`(seed: UInt64) async throws {
        let database = try await TestDatabase.create()
        let cutter = try ConnectionCutter(
            to: database.socketFolder, in: ThrowawayFolder.make(), choosing: Self.cuts(seed))
        let history = try await PostgresLog.with(database.found(at: cutter.folder)) { log in
            try await withThrowingTaskGroup(of: SentHistory.self) { group in
                for index in 0..<6 {
                    group.addTask {
                        var writer = NumberedWriter("\(index)", to: log.store)
                        var number = 0
                        while cutter.commitsCut < 6 || number < 20 {
                            number += 1
                            // Alone on its stream, a writer must never hear of a conflict: it would be with itself.
                            let isAlone = !number.isMultiple(of: 3)
                            try await writer.write(
                                number, to: StreamName(category: "cut", id: isAlone ? "\(index)" : "shared"),
                                isAlone: isAlone)
                        }
                        return writer.history
                    }
                }
                return try await group.reduce(SentHistory()) { $0.joined(with: $1) }
            }
        }
        cutter.close()
        try await PostgresLog.with(database) { log in
            let report = try await LogAudit(of: log.pool, laws: []).run { _, _, _ in }
            #expect(report.findings.first.isEmpty)
            #expect(report.events == history.acknowledged.count)
            let anomalies = history.anomalies(inLog: try NumberedWriter.operations(in: await log.store.wholeLog()))
            #expect(anomalies.isEmpty)
        }
    }

    private static func cuts(_ seed: UInt64) -> @Sendable () -> ConnectionCutter.Cut {
        let numbers = SharedNumbers(seed)
        return {
            numbers.withNumbers { numbers in
                switch Int.random(in: 0..<4, using: &numbers) {
                case 0: .request(.random(in: 500...20_000, using: &numbers))
                case 1: .answer(.random(in: 500...6_000, using: &numbers))
                default: .commit(.random(in: 1...6, using: &numbers))
                }
            }
        }
    }
}

private final class SharedNumbers: Sendable {
    private let numbers: Mutex<SeededNumbers>

    init(_ seed: UInt64) { numbers = Mutex(SeededNumbers(seed)) }

    func withNumbers<Value: Sendable>(_ body: (inout SeededNumbers) -> Value) -> Value {
        numbers.withLock { body(&$0) }
    }
}

extension ConnectionCutter {
    /// How many commits were carried out whose answers never came.
    fileprivate var commitsCut: Int {
        made.count { if case .commit = $0 { true } else { false } }
    }
}
