import Runtime
import Support
import Testing

/// Each goes on for a moment, or for as long as `make chaos` lets it.
@Suite(.serialized, .timeLimit(.minutes(120))) struct `Those who write to one log at once` {
    @Test func `as two servers that fight over the same hundred streams each store every command once`() async throws {
        try await PostgresLog.with { first in
            try await PostgresLog.with(first.database) { second in
                let history = try await Self.write(8) { index in
                    var numbers = SeededNumbers(stream: index)
                    var writer = NumberedWriter("\(index)", to: (index.isMultiple(of: 2) ? first : second).store)
                    try await repeatedly { round in
                        try await writer.write(
                            round, to: StreamName(category: "fought", id: "\(Int.random(in: 1...100, using: &numbers))")
                        )
                    }
                    return writer.history
                }
                try await Self.check(first, history)
            }
        }
    }

    @Test func `are followed by a reader that sees every position exactly once, in order`() async throws {
        try await PostgresLog.with { log in
            try await PostgresLog.with(log.database) { other in
                let done = Flag()
                async let followed = Self.follow(log.store, until: done)
                let history = try await Self.write(8) { index in
                    var writer = NumberedWriter("\(index)", to: (index < 4 ? log : other).store)
                    try await repeatedly { round in
                        try await writer.write(
                            round, to: StreamName(category: "own", id: "\(index)"), isAlone: true)
                    }
                    return writer.history
                }
                await done.raise()
                let seen = try await followed
                let all = try await log.store.wholeLog()
                #expect(seen == all.map(\.id))
                try await Self.check(log, history)
            }
        }
    }

    @Test func `never see time turn back, though the clock of Postgres jumps`() async throws {
        let database = try await TestDatabase.create()
        let thread = try PollThread(name: "test")
        defer { thread.shutdown() }
        let pool = PostgresPool(
            url: try DatabaseURL(database.superuserURL), size: 1, threads: [thread], logger: TestPostgres.quiet)
        defer { pool.close() }
        let clock = try await FakeClock.install(in: database, using: pool)
        try await PostgresLog.with(database) { log in
            let history = try await Self.write(3) { index in
                var numbers = SeededNumbers(stream: index)
                var writer = NumberedWriter("\(index)", to: log.store)
                let stream = StreamName(category: "own", id: "\(index)")
                try await writer.write(0, to: stream, isAlone: true)
                try await repeatedly { round in
                    // The first sets the clock, ahead to begin with, so that even a single round shows a jump.
                    if index == 0 {
                        let seconds = Int.random(in: 1_200...7_200, using: &numbers)
                        try await clock.jump(by: round.isMultiple(of: 2) ? -seconds : seconds)
                    }
                    try await writer.write(round, to: stream, isAlone: true)
                }
                return writer.history
            }
            let events = try await log.store.wholeLog()
            #expect(zip(events, events.dropFirst()).allSatisfy { $0.recordedTime <= $1.recordedTime })
            let spread = try #require(events.last).recordedTime.microseconds - events[0].recordedTime.microseconds
            #expect(spread > 600_000_000, "the clock did not jump")
            try await Self.check(log, history)
        }
    }

    private static func write(
        _ writers: Int, _ body: @escaping @Sendable (Int) async throws -> SentHistory
    ) async throws -> SentHistory {
        try await withThrowingTaskGroup(of: SentHistory.self) { group in
            for index in 0..<writers { group.addTask { try await body(index) } }
            return try await group.reduce(SentHistory()) { $0.joined(with: $1) }
        }
    }

    private static func follow(_ store: PostgresEventStore, until done: Flag) async throws -> [UUID128] {
        var numbers = SeededNumbers(stream: 99)
        var (seen, position): ([UUID128], Int64) = ([], 0)
        while true {
            let isLast = await done.isRaised
            let page = try await store.readLog(
                after: position, where: .everything, limit: .random(in: 1...400, using: &numbers))
            for event in page.events {
                position += 1
                guard event.position == position else {
                    Issue.record("position \(event.position) was read after \(position - 1)")
                    return seen
                }
                seen.append(event.id)
            }
            guard page.end >= position else {
                Issue.record("the page ends at \(page.end), before its last event")
                return seen
            }
            if page.end > position {
                Issue.record("nothing was read from \(position + 1) to \(page.end)")
                return seen
            }
            if page.events.isEmpty, isLast { return seen }
        }
    }

    /// The log is sound, and holds what was acknowledged.
    private static func check(_ log: PostgresLog, _ history: SentHistory) async throws {
        let report = try await LogAudit(of: log.pool, laws: []).run { _, _, _ in }
        #expect(report.findings.first.isEmpty)
        let anomalies = history.anomalies(inLog: try NumberedWriter.operations(in: await log.store.wholeLog()))
        #expect(anomalies.isEmpty)
        #expect(!history.acknowledged.isEmpty)
    }
}

/// Again and again, for as long as chaos lasts.
private func repeatedly(_ body: (Int) async throws -> Void) async throws {
    let end = ContinuousClock.now + ChaosPlan.duration
    for round in 1... {
        try await body(round)
        if ContinuousClock.now > end { return }
    }
}

private actor Flag {
    private(set) var isRaised = false
    func raise() { isRaised = true }
}
