import Support
import Testing

@testable import Runtime

/// What is known of a stream is made wrong here, so that it shows whether Postgres went by it or looked for itself.
@Suite struct `A batch that is sent behind another` {
    enum Occasion: CaseIterable {
        case nobodyElse, anotherServerBeforeBoth, anotherServerBetween, firstOneRolledBack, newConnection
    }

    @Test(arguments: Occasion.allCases)
    func `goes by what is known only if nobody else can have appended`(_ occasion: Occasion) async throws {
        try await PostgresLog.with { log in
            let connection = try await Self.connect(log)
            var known = KnownVersions()
            let opening = AppendBatch([Self.append(.fresh("first"), at: 0)], &known)
            let opened = try await Self.send(opening, on: connection, expecting: nil)
            known.learn(
                opening.appends, opened.outcomes, of: opening.mark, found: opened.found, left: opened.left)
            let stream = Self.teachWrongly(&known, head: opened.left)

            let poison = occasion == .firstOneRolledBack
            let ahead = AppendBatch([Self.append(.fresh("ahead"), at: 0, data: poison ? "{" : "{}")], &known)
            let behind = AppendBatch([Self.append(stream, at: 1)], &known)
            let head = known.expectedHead(for: behind.mark)
            #expect(head == opened.left && behind.isKnown == [true])

            if occasion == .anotherServerBeforeBoth { try await Self.appendElsewhere(log) }
            if poison {
                await #expect(throws: PostgresError.self) {
                    try await Self.send(ahead, on: connection, expecting: head)
                }
                _ = try await connection.query(Statement.rollback())
            } else {
                _ = try await Self.send(ahead, on: connection, expecting: head)
            }
            if occasion == .anotherServerBetween { try await Self.appendElsewhere(log) }
            let last = occasion == .newConnection ? try await Self.connect(log) : connection
            let answer = try await Self.send(behind, on: last, expecting: head, behindAnother: true)
            #expect(answer.outcomes[0].isConflict == (occasion != .nobodyElse))
            await connection.close()
            await last.close()
        }
    }

    /// A stream without events that is believed to have one.
    private static func teachWrongly(_ known: inout KnownVersions, head: Int64) -> StreamName {
        let stream = StreamName.fresh("wrong")
        let mark = known.beginBatch()
        _ = known.claim(stream, at: 0, for: mark)
        let receipt = AppendReceipt(firstPosition: head, eventCount: 1, recordedTime: Timestamp(microseconds: 0))
        known.learn([append(stream, at: 0)], [.accepted(receipt)], of: mark, found: head, left: head)
        return stream
    }

    private static func append(_ stream: StreamName, at version: Int64, data: String = "{}") -> Append {
        Append([StreamChange(stream, expecting: version, events: [.sample(data: Array(data.utf8))])])
    }

    private static func appendElsewhere(_ log: PostgresLog) async throws {
        let outcome = try await log.store.append(append(.fresh("elsewhere"), at: 0))
        #expect(!outcome.isConflict)
    }

    private static func connect(_ log: PostgresLog) async throws -> PostgresConnection {
        try await PostgresConnection.connect(
            to: DatabaseURL(log.database.serverURL), on: log.thread, logger: TestPostgres.quiet)
    }

    @discardableResult
    private static func send(
        _ batch: AppendBatch, on connection: PostgresConnection, expecting head: Int64?,
        behindAnother isBehind: Bool = false
    ) async throws -> AppendBatch.Answer {
        let results = try await connection.run(batch.statements(expecting: head, behindAnother: isBehind))
        return try batch.answer(from: results[AppendBatch.answerIndex])
    }
}
