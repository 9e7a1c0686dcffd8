import Testing

@testable import Runtime

private let read = Statement("read", "select 1")
private let write = Statement("write", "insert into t values (1)")

private func batch(_ id: UInt64, _ statements: Statement..., uncancellable: Bool = false) -> Pipeline.Conversation {
    .init(id: id, content: .batch(statements.map { $0() }), uncancellable: uncancellable)
}

private func script(_ id: UInt64) -> Pipeline.Conversation {
    .init(id: id, content: .script("select 1"), uncancellable: false)
}

/// The machine with its actions written down in short.
private struct Machine: ~Copyable {
    var pipeline = Pipeline()

    mutating func actions() -> [String] {
        var actions: [String] = []
        while let action = pipeline.nextAction() {
            switch action {
            case .send(let conversation, let plan):
                actions.append("send \(conversation.id)" + plan.prepares.map { " prepare \($0.name)" }.joined())
            case .answer(let id, .success(let rows)): actions.append("answer \(id) rows \(rows.count)")
            case .answer(let id, .failure(.server(let error))):
                actions.append("answer \(id) \(error.sqlState.rawValue) \(error.statement) \(error.index)")
            case .answer(let id, .failure(let error)): actions.append("answer \(id) \(error)")
            case .requestCancel: actions.append("cancel")
            case .abandon(let reason): actions.append("abandon \(reason)")
            }
        }
        return actions
    }

    mutating func submit(_ conversation: Pipeline.Conversation) -> [String] {
        pipeline.submit(conversation)
        return actions()
    }

    mutating func receive(_ replies: Pipeline.Reply..., inTransaction: Bool = false) -> [String] {
        for reply in replies { pipeline.receive(reply, inTransaction: inTransaction) }
        return actions()
    }

    mutating func giveUp(_ id: UInt64, _ abort: Pipeline.Abort) -> [String] {
        pipeline.giveUp(id, abort)
        return actions()
    }

    mutating func cancelDelivered() -> Bool { pipeline.cancelDelivered() }

    mutating func askAgain() -> [String] {
        pipeline.cancelIfDoomed()
        return actions()
    }

    var awaitsReplies: Bool { pipeline.awaitsReplies }

    mutating func lose() -> [String] {
        pipeline.lose(.connectionLost(outcomeUnknown: false))
        return actions()
    }
}

/// The machine cannot be copied into the macro.
private func expect(
    _ actions: [String], _ expected: [String], sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(actions == expected, sourceLocation: sourceLocation)
}

private let done = Pipeline.Reply.completed(.none)
private func failed(_ state: SQLState) -> Pipeline.Reply { .failed(.init(sqlState: state, message: "")) }
private let lostKnown = "the connection to the database was lost"
private let unconfirmed = "the database did not confirm a commit, the outcome is unknown"
private let lostUnknown = "the connection to the database was lost, the outcome is unknown"

@Suite struct `A pipeline` {
    @Test func `sends the next conversation before the first is answered`() {
        var machine = Machine()
        expect(machine.submit(batch(1, read)), ["send 1 prepare read"])
        expect(machine.submit(batch(2, read)), ["send 2"])
        expect(machine.receive(done, .end, .sync), [])
        expect(machine.receive(done, .end, .sync), ["answer 1 rows 1"])
        expect(machine.receive(done, .end, .sync), ["answer 2 rows 1"])
        let awaitsMore = machine.awaitsReplies
        #expect(!awaitsMore)
    }

    @Test func `answers a failure with its place, once all is skipped up to the sync`() {
        var machine = Machine()
        _ = machine.submit(batch(1, read, write, read))
        expect(machine.receive(done, .end, done, .end, .sync), [])
        expect(machine.receive(done, .end, failed(.uniqueViolation), .end, .skipped, .end), [])
        expect(machine.receive(.sync), ["answer 1 23505 write 1"])
    }

    @Test func `does not take a commit for certain that the server warned of`() {
        var machine = Machine()
        _ = machine.submit(batch(1, .begin, write, .commit))
        expect(
            machine.receive(done, .end, .sync, done, .end, done, .end, .warning, done, .end, .sync),
            ["answer 1 \(unconfirmed)"])
        _ = machine.submit(batch(2, write))
        expect(machine.receive(done, .end, .warning, .sync), ["answer 2 \(unconfirmed)"])
        _ = machine.submit(batch(3, read))
        expect(machine.receive(done, .end, .sync, .warning, done, .end, .sync), ["answer 3 rows 1"])
    }

    @Test func `prepares again what could not be prepared, under another name`() {
        var machine = Machine()
        expect(machine.submit(batch(1, read)), ["send 1 prepare read"])
        expect(
            machine.receive(failed(.undefinedTable), .end, .sync, failed(.undefinedTable), .end, .sync),
            ["answer 1 42P01 read 0"])
        expect(machine.submit(batch(2, read)), ["send 2 prepare read#2"])
    }

    @Test func `takes back what is not sent, and leaves alone what must not be cancelled`() {
        var machine = Machine()
        _ = machine.submit(batch(1, read))
        expect(machine.submit(batch(2, .commit, uncancellable: true)), [])
        expect(machine.submit(batch(3, read)), [])
        expect(machine.giveUp(2, .timedOut), [])
        expect(machine.giveUp(3, .timedOut), ["answer 3 the database took too long"])
        expect(machine.receive(done, .end, .sync, done, .end, .sync), ["answer 1 rows 1", "send 2"])
        expect(machine.giveUp(2, .cancelled), [])
    }

    @Test func `cancels a conversation only when its turn has come, and sends nothing meanwhile`() {
        var machine = Machine()
        _ = machine.submit(batch(1, .begin))
        _ = machine.submit(batch(2, .begin))
        expect(machine.giveUp(2, .cancelled), [])
        expect(machine.receive(done, .end, .sync), ["answer 1 rows 1", "cancel"])
        expect(machine.submit(batch(3, .begin)), [])
        expect(machine.receive(failed(.queryCanceled), .end, .sync), ["answer 2 the statement was cancelled"])
        let runsStill = machine.cancelDelivered()
        #expect(!runsStill)
        expect(machine.actions(), ["send 3"])
    }

    @Test func `asks again if the request to cancel came too early`() {
        var machine = Machine()
        _ = machine.submit(batch(1, .begin))
        expect(machine.giveUp(1, .timedOut), ["cancel"])
        let runsStill = machine.cancelDelivered()
        #expect(runsStill)
        expect(machine.askAgain(), ["cancel"])
        expect(machine.receive(done, .end, .sync), ["answer 1 rows 1"])
    }

    @Test func `keeps scripts apart from batches`() {
        var machine = Machine()
        expect(machine.submit(batch(1, .begin)), ["send 1"])
        expect(machine.submit(script(2)), [])
        expect(machine.submit(batch(3, .commit)), [])
        expect(machine.receive(done, .end, .sync), ["answer 1 rows 1", "send 2"])
        expect(machine.receive(done, done, .end), ["answer 2 rows 2", "send 3"])
    }

    @Test func `knows the outcome of what cannot have been committed`() {
        var machine = Machine()
        _ = machine.submit(batch(1, read))
        _ = machine.submit(batch(2, write))
        _ = machine.submit(batch(3, .begin, write))
        _ = machine.submit(batch(4, write))
        _ = machine.submit(batch(5, .commit))
        _ = machine.submit(script(6))
        expect(
            machine.lose(),
            [
                "answer 1 \(lostKnown)", "answer 2 \(lostUnknown)", "answer 3 \(lostKnown)", "answer 4 \(lostKnown)",
                "answer 5 \(lostUnknown)", "answer 6 \(lostKnown)",
            ])
        expect(machine.submit(batch(7, read)), ["answer 7 \(lostKnown)"])
    }

    @Test func `abandons a connection whose replies make no sense`() {
        var machine = Machine()
        expect(machine.receive(.sync), ["abandon a reply that nobody awaits"])
        _ = machine.submit(batch(1, .begin))
        expect(machine.receive(.sync), ["abandon a sync out of place"])
    }

    @Test func `refuses two statements of one name`() {
        var machine = Machine()
        _ = machine.submit(batch(1, read))
        expect(machine.submit(batch(2, Statement("read", "select 2"))), ["answer 2 the statement cannot be sent"])
    }
}
