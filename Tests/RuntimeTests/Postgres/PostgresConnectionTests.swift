import Runtime
import Support
import Testing

private let one = Statement("one", "select 1")
private let sleep = Statement.unprepared("sleep", "select pg_sleep(30)")
private let divide = Statement("divide", "select 1 / $1::int4")

private struct Surprise: Error {}

@Suite struct `A connection to Postgres` {
    @Test func `answers a batch in order and in one go`() async throws {
        try await TestPostgres.withConnection { connection in
            let echo = Statement("echo", "select $1::int8, $2::text")
            let rows = try await connection.run((0..<100).map { echo(.int8($0), .text("row \($0)")) })
            #expect(rows.count == 100)
            #expect(try rows.map { try $0[0].int8(0) } == Array(0..<100))
            #expect(try rows[7][0].text(1) == "row 7")
            #expect(connection.backendPID > 0)
        }
    }

    @Test func `keeps a statement prepared and prepares it again for a new type`() async throws {
        try await TestPostgres.withConnection { connection in
            let plus = Statement("plus", "select coalesce($1, 0) + 1")
            #expect(try await connection.query(plus(.null))[0].int4(0) == 1)
            #expect(try await connection.query(plus(.int8(41)))[0].int8(0) == 42)
            #expect(try await connection.query(plus(.int4(1)))[0].int4(0) == 2)
            #expect(try await connection.query(plus(.int8(42)))[0].int8(0) == 43)
            let known = try await connection.query(
                Statement.unprepared("known", "select count(*) from pg_prepared_statements")())
            #expect(try known[0].int8(0) == 3)
        }
    }

    @Test func `throws the first error of a batch with its place and goes on`() async throws {
        try await TestPostgres.withConnection { connection in
            let error = await #expect(throws: PostgresError.self) {
                try await connection.run([one(), divide(.int4(0)), one()])
            }
            guard case .server(let server) = error else { throw Surprise() }
            #expect(server.sqlState.rawValue == "22012")
            #expect(server.index == 1)
            #expect(server.statement == "divide")
            #expect(try await connection.query(divide(.int4(1)))[0].int4(0) == 1)
        }
    }

    @Test func `reports a statement that cannot be prepared, and nothing before it happened`() async throws {
        try await TestPostgres.withConnection { connection in
            let wrong = Statement("wrong", "selec 1")
            for _ in 0..<2 {
                let error = await #expect(throws: PostgresError.self) { try await connection.run([one(), wrong()]) }
                #expect(error?.sqlState == .syntaxError)
            }
            let rows = try await connection.query(one())
            #expect(rows.count == 1)
        }
    }

    @Test func `names the constraint that was violated`() async throws {
        try await TestPostgres.withConnection { connection in
            try await connection.runScript("create temp table unique_numbers (number int8 primary key)")
            let insert = Statement("insert number", "insert into unique_numbers values ($1)")
            #expect(try await connection.query(insert(.int8(1))).affected == 1)
            let error = await #expect(throws: PostgresError.self) { try await connection.query(insert(.int8(1))) }
            guard case .server(let server) = error else { throw Surprise() }
            #expect(server.sqlState == .uniqueViolation)
            #expect(server.constraint == "unique_numbers_pkey")
            #expect(server.table == "unique_numbers")
            #expect(server.sqlState.provesRollback)
            #expect(!"\(PostgresError.server(server))".contains("unique_numbers"))
        }
    }

    @Test func `serves many callers at once, each with its own answer`() async throws {
        try await TestPostgres.withConnection { connection in
            let echo = Statement("echo", "select $1::int8")
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<500 as Range<Int64> {
                    group.addTask { try await connection.query(echo(.int8(number)))[0].int8(0) == number }
                }
                for try await isRight in group { #expect(isRight) }
            }
        }
    }

    @Test func `cancels a statement that takes too long and stays usable`() async throws {
        try await TestPostgres.withConnection { connection in
            let began = ContinuousClock.now
            await #expect(throws: PostgresError.timedOut) {
                try await connection.query(sleep(), timeout: .milliseconds(50))
            }
            #expect(ContinuousClock.now - began < .seconds(5))
            let rows = try await connection.query(one())
            #expect(rows.count == 1)
        }
    }

    @Test func `cancels the statement of a cancelled task`() async throws {
        try await TestPostgres.withConnection { connection in
            let task = Task { try await connection.query(sleep()) }
            try await eventually { !connection.isIdle }
            task.cancel()
            await #expect(throws: PostgresError.cancelled) { try await task.value }
            let rows = try await connection.query(one())
            #expect(rows.count == 1)
        }
    }

    @Test func `neither cancels nor times out a commit`() async throws {
        try await TestPostgres.withConnection { connection in
            try await TestPostgres.withConnection { blocker in
                let key = PostgresValue.int8(.random(in: .min ... .max))
                _ = try await blocker.query(Statement("lock", "select pg_advisory_lock($1)")(key))
                let lock = Statement("lock until the end", "select pg_advisory_xact_lock($1)")
                let patience = Duration.milliseconds(20)
                let task = Task {
                    try await connection.run([Statement.begin(), lock(key), Statement.commit()], timeout: patience)
                }
                try await eventually { !connection.isIdle }
                await withCheckedContinuation { continuation in
                    _ = connection.thread.schedule(at: .now + patience) { continuation.resume() }
                }
                task.cancel()
                await connection.cancel()
                _ = try await blocker.query(Statement("unlock", "select pg_advisory_unlock($1)")(key))
                let rows = try await task.value
                #expect(rows.count == 3)
            }
        }
    }

    @Test func `says so when a commit turned into a rollback`() async throws {
        try await TestPostgres.withConnection { connection in
            _ = try await connection.query(Statement.begin())
            await #expect(throws: PostgresError.self) { try await connection.query(divide(.int4(0))) }
            let error = await #expect(throws: PostgresError.self) { try await connection.query(Statement.commit()) }
            #expect(error?.sqlState == .failedTransaction)
            try await eventually { connection.isIdle }
        }
    }

    @Test(arguments: [false, true])
    func `reports a killed backend, and whether the outcome is known`(writes: Bool) async throws {
        try await TestPostgres.withConnection { connection in
            try await TestPostgres.withConnection { killer in
                let victim = Statement.unprepared("sleep", "select pg_sleep(30)", effect: writes ? .writes : .reads)
                let query = Task { try await connection.query(victim()) }
                try await eventually { !connection.isIdle }
                let kill = Statement("kill", "select pg_terminate_backend($1)")
                _ = try await killer.query(kill(.int4(connection.backendPID)))
                await #expect(throws: PostgresError.connectionLost(outcomeUnknown: writes)) { try await query.value }
                #expect(!connection.isUsable)
                await #expect(throws: PostgresError.connectionLost(outcomeUnknown: false)) {
                    try await connection.query(one())
                }
            }
        }
    }

    @Test func `recovers from a plan that the schema has overtaken`() async throws {
        try await TestPostgres.withConnection { connection in
            try await connection.runScript("create temp table t (n int4)")
            let all = Statement("all of t", "select * from t")
            _ = try await connection.query(all())
            try await connection.runScript("alter table t add column m int4")
            let error = await #expect(throws: PostgresError.self) { try await connection.query(all()) }
            #expect(error?.provesRollback == true)
            let rows = try await connection.query(all())
            #expect(rows.isEmpty)
        }
    }

    @Test func `does not take an error after a commit for a rollback`() async throws {
        try await TestPostgres.withConnection { connection in
            let error = await #expect(throws: PostgresError.self) {
                try await connection.run([Statement.begin(), one(), Statement.commit(), divide(.int4(0))])
            }
            #expect(error?.sqlState?.provesRollback == true)
            #expect(error?.provesRollback == false)
        }
    }

    @Test func `runs a script and forgets nothing prepared before it`() async throws {
        try await TestPostgres.withConnection { connection in
            _ = try await connection.query(one())
            try await connection.runScript("create temp table t (n int4); insert into t values (1), (2);")
            #expect(try await connection.query(Statement("count t", "select count(*) from t")())[0].int8(0) == 2)
            let error = await #expect(throws: PostgresError.self) {
                try await connection.runScript("select 1; nonsense")
            }
            #expect(error?.sqlState == .syntaxError)
            let rows = try await connection.query(one())
            #expect(rows.count == 1)
        }
    }

    @Test func `delivers notifications while nobody asks anything`() async throws {
        try await TestPostgres.withConnection { connection in
            try await connection.listen("a \"quoted\" channel")
            try await TestPostgres.withConnection { sender in
                let notify = Statement("notify", "select pg_notify($1, $2)")
                for number in 0..<3 {
                    _ = try await sender.query(notify(.text("a \"quoted\" channel"), .text("\(number)")))
                }
                var iterator = connection.notifications.makeAsyncIterator()
                for number in 0..<3 {
                    let notification = await iterator.next()
                    #expect(notification?.payload == "\(number)")
                    #expect(notification?.backendPID == sender.backendPID)
                }
            }
        }
    }

    @Test func `fails whoever waits when it is closed`() async throws {
        try await TestPostgres.withConnection { connection in
            let query = Task { try await connection.query(sleep()) }
            try await eventually { !connection.isIdle }
            await connection.close()
            await #expect(throws: PostgresError.connectionLost(outcomeUnknown: false)) { try await query.value }
            await #expect(throws: PostgresError.closed) { try await connection.query(one()) }
        }
    }
}
