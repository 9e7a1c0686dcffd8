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

    @Test(arguments: Occasion.allCases)
    func `and looks for nothing either appends if nobody else can have, or leaves the log as it is`(
        _ occasion: Occasion
    ) async throws {
        try await PostgresLog.with { log in
            let connection = try await Self.connect(log)
            var known = KnownVersions(calm: 2)
            let streams = [StreamName.fresh("first"), .fresh("second")]
            for version in 0..<3 as Range<Int64> {
                let batch = AppendBatch(streams.map { Self.append($0, at: version) }, &known)
                let answer = try await Self.send(batch, on: connection, expecting: known.expectedHead(for: batch.mark))
                known.learn(
                    batch.appends, answer.outcomes, of: batch.mark, found: answer.found, left: answer.left)
            }
            let poison = occasion == .firstOneRolledBack
            let ahead = AppendBatch([Self.append(streams[0], at: 3, data: poison ? "{" : "{}")], &known)
            let behind = AppendBatch([Self.append(streams[1], at: 3)], &known)
            let head = known.expectedHead(for: behind.mark)
            for batch in [ahead, behind] {
                #expect(batch.statements(expecting: head).contains { $0.statement == AppendStatements.appendKnown })
                #expect(!batch.statements(expecting: nil).contains { $0.statement == AppendStatements.appendKnown })
            }
            if occasion == .anotherServerBeforeBoth { try await Self.appendElsewhere(log) }
            let before = try await log.store.head().position
            if poison || occasion == .anotherServerBeforeBoth {
                let state = poison ? SQLState.invalidTextRepresentation : .serializationFailure
                await Self.expect(state, from: connection) {
                    try await Self.send(ahead, on: connection, expecting: head)
                }
            } else {
                let answer = try await Self.send(ahead, on: connection, expecting: head)
                #expect((answer.found, answer.left) == (before, before + 1) && !answer.outcomes[0].isConflict)
            }
            if occasion == .anotherServerBetween { try await Self.appendElsewhere(log) }
            let last = occasion == .newConnection ? try await Self.connect(log) : connection
            if occasion == .nobodyElse {
                let answer = try await Self.send(behind, on: last, expecting: head, behindAnother: true)
                #expect((answer.found, answer.left) == (before + 1, before + 2) && !answer.outcomes[0].isConflict)
            } else {
                let end = try await log.store.head().position
                await Self.expect(.serializationFailure, from: last) {
                    try await Self.send(behind, on: last, expecting: head, behindAnother: true)
                }
                #expect(try await log.store.head().position == end)
                // As it is sent once more by itself.
                let answer = try await Self.send(behind, on: last, expecting: nil)
                #expect(!answer.outcomes[0].isConflict)
            }
            let events = try await log.store.readStream(streams[1], from: 1, limit: 10)
            #expect(events.map(\.version) == [1, 2, 3, 4])
            await connection.close()
            await last.close()
        }
    }

    /// - Returns: when the batch was refused, and is rolled back.
    private static func expect(
        _ state: SQLState, from connection: PostgresConnection, _ body: () async throws -> AppendBatch.Answer
    ) async {
        await #expect { try await body() } throws: { ($0 as? PostgresError)?.sqlState == state }
        await #expect(throws: Never.self) { try await connection.query(Statement.rollback()) }
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
        let statements = batch.statements(expecting: head, behindAnother: isBehind)
        return try batch.answer(from: try await connection.run(statements), of: statements)
    }
}
