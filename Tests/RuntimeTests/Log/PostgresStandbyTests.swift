import Installation
import Runtime
import Support
import Testing

/// Nobody is behind the name, so every commit waits until the setting is cleared.
@Suite(.timeLimit(.minutes(2))) struct `A synchronous standby that is away` {
    @Test(arguments: ["pg_cancel_backend", "pg_terminate_backend"])
    func `lets no append be acknowledged, though its wait is ended by`(_ function: String) async throws {
        try await Self.withPostgres { postgres, database in
            try await PostgresLog.with(database) { log in
                let stream = StreamName.fresh("replicated")
                _ = try await log.store.append(Append([StreamChange(stream, expecting: 0, events: [.sample()])]))
                let admin = try await Administrator.connect(to: database, on: log.thread)
                try await admin.requireStandby()

                let answers = Answers()
                let append = Append([StreamChange(stream, expecting: 1, events: .samples(2))])
                async let outcome = answers.noting { try await log.store.append(append) }
                var waiting = try await admin.commitWaits(after: 0)
                for _ in 1...3 {
                    try await admin.end(waiting.pid, by: function)
                    // The outcome is looked for by another append of the same, whose commit waits for the standby too.
                    waiting = try await admin.commitWaits(after: waiting.start)
                    #expect(await answers.count == 0)
                }
                let others = try await log.store.readStream(stream, from: 1, limit: 10).count
                #expect(others == 3, "it had been committed, where it was")

                try await admin.requireNobody()
                let receipt = try #require(try await outcome.receipt)
                #expect(receipt.firstPosition == 2 && receipt.eventCount == 2)
                let page = try await log.store.readLog(after: 0, where: .everything, limit: 10)
                #expect(page.events.map(\.position) == [1, 2, 3])
                #expect(page.events.map(\.version) == [1, 2, 3])
            }
        }
    }

    @Test func `leaves the outcome of a transaction unknown whose wait is cancelled`() async throws {
        try await Self.withPostgres { postgres, database in
            try await PostgresLog.with(database) { log in
                let admin = try await Administrator.connect(to: database, on: log.thread)
                try await admin.requireStandby()
                for isAlone in [true, false] {
                    async let unconfirmed: PostgresError? = {
                        do {
                            if isAlone {
                                _ = try await log.pool.withConnection { try await $0.query(write()) }
                            } else {
                                _ = try await log.pool.withTransaction { try await $0.query(write()) }
                            }
                            return nil
                        } catch {
                            return error as? PostgresError
                        }
                    }()
                    try await admin.end(try await admin.commitWaits(after: 0).pid, by: "pg_cancel_backend")
                    let error = try #require(await unconfirmed)
                    #expect(error == .commitUnconfirmed)
                    #expect(!error.provesRollback)
                }
                try await admin.requireNobody()
            }
        }
    }

    private static func withPostgres(
        _ body: @Sendable (PrivatePostgres, TestDatabase) async throws -> Void
    ) async throws {
        let postgres = try await ThrowawayPostgres.start()
        let database = try await TestDatabase.create(in: postgres)
        do {
            try await body(postgres, database)
        } catch {
            await postgres.kill()
            throw error
        }
        await postgres.kill()
    }
}

@Suite(.timeLimit(.minutes(4))) struct `A server that takes no writes any more` {
    @Test func `is left by every connection of a pool`() async throws {
        let postgres = try await ThrowawayPostgres.start()
        let database = try await TestDatabase.create(in: postgres)
        let thread = try PollThread(name: "test")
        defer { thread.shutdown() }
        let pool = PostgresPool(
            url: try DatabaseURL(database.serverURL), size: 2, acquireTimeout: .milliseconds(500), threads: [thread],
            logger: TestPostgres.quiet)
        defer { pool.close() }
        let admin = try await Administrator.connect(to: database, on: thread)
        let read = Statement("read", "select 1")
        try await eventually { (try? await pool.withConnection { try await $0.query(read()) }) != nil }

        try await admin.run("alter system set default_transaction_read_only = on", "select pg_reload_conf()")
        // A read is answered, and is the last.
        try await eventually { (try? await pool.withConnection { try await $0.query(read()) }) == nil }
        try await eventually("whoever asks for a connection is told why there is none") {
            do {
                try await pool.withConnection { _ in }
                return false
            } catch let error as PostgresError {
                return error.debugDescription.contains("read-only")
            }
        }

        try await admin.run("alter system reset default_transaction_read_only", "select pg_reload_conf()")
        try await eventually { (try? await pool.withConnection { try await $0.query(read()) }) != nil }
        await postgres.kill()
    }
}

private let write = Statement(
    "take a lease",
    """
    insert into leases (role, holder, backend_pid, renewed_time) values ('test', 'a', 1, now())
    on conflict (role) do update set renewed_time = now()
    """)

private actor Answers {
    private(set) var count = 0

    func noting<Value: Sendable>(_ body: @Sendable () async throws -> Value) async throws -> Value {
        let value = try await body()
        count += 1
        return value
    }
}

/// Somebody who may do everything to the cluster.
private struct Administrator {
    let connection: PostgresConnection
    let second: PostgresConnection

    static func connect(to database: TestDatabase, on thread: PollThread) async throws -> Administrator {
        let url = try DatabaseURL(database.superuserURL + "&target_session_attrs=any")
        return Administrator(
            connection: try await PostgresConnection.connect(to: url, on: thread, logger: TestPostgres.quiet),
            second: try await PostgresConnection.connect(to: url, on: thread, logger: TestPostgres.quiet))
    }

    func run(_ statements: String...) async throws {
        for statement in statements { _ = try await connection.query(Statement.unprepared("administer", statement)()) }
    }

    func requireStandby() async throws {
        try await run("alter system set synchronous_standby_names = 'nobody'", "select pg_reload_conf()")
        // The processes hear of it by and by, and commits wait only once the checkpointer has.
        async let waited: Void = commitUntilUnconfirmed()
        try await end(try await commitWaits(after: 0).pid, by: "pg_cancel_backend")
        try await waited
    }

    private func commitUntilUnconfirmed() async throws(PostgresError) {
        do throws(PostgresError) {
            while true { _ = try await second.query(write()) }
        } catch {
            guard error == .commitUnconfirmed else { throw error }
        }
    }

    func requireNobody() async throws {
        try await run("alter system reset synchronous_standby_names", "select pg_reload_conf()")
    }

    /// Waits until a commit waits for the standby in a transaction that began after `start`.
    func commitWaits(after start: Int64) async throws -> (pid: Int32, start: Int64) {
        let find = Statement(
            "find a commit",
            """
            select pid, (extract(epoch from xact_start) * 1000000)::bigint from pg_stat_activity
            where wait_event = 'SyncRep' and backend_type = 'client backend' and datname = current_database()
                and (extract(epoch from xact_start) * 1000000)::bigint > $1
            """)
        var found: (pid: Int32, start: Int64)?
        try await eventually("a commit waits for the standby") {
            found = try await connection.query(find(.int8(start))).first.map { (try $0.int4(0), try $0.int8(1)) }
            return found != nil
        }
        return try #require(found)
    }

    func end(_ pid: Int32, by function: String) async throws {
        _ = try await connection.query(Statement.unprepared("end", "select \(function)($1)")(.int4(pid)))
    }
}
