import Runtime
import Support
import Testing

private let one = Statement("one", "select 1")

@Suite struct `A pool of connections` {
    @Test func `serves 200 tasks over four connections`() async throws {
        try await TestPostgres.withPool(size: 4) { pool in
            let backends = try await withThrowingTaskGroup(of: Int32.self) { group in
                for _ in 0..<200 {
                    group.addTask {
                        try await pool.withConnection { connection in
                            _ = try await connection.query(one())
                            return connection.backendPID
                        }
                    }
                }
                return try await group.reduce(into: Set<Int32>()) { $0.insert($1) }
            }
            #expect((1...4).contains(backends.count))
            #expect(pool.isReachable)
        }
    }

    @Test func `lets the commit of one transaction be late, and of no other`() async throws {
        try await TestPostgres.withPool(size: 1) { pool in
            let waits = Statement("waits", "show synchronous_commit")
            let within = try await pool.withTransaction { connection in
                _ = try await connection.query(Statement.letCommitBeLate())
                return try await connection.query(waits()).first?.text(0)
            }
            let after = try await pool.withConnection { try await $0.query(waits()).first?.text(0) }
            #expect(within == "off")
            #expect(after == "on")
        }
    }

    @Test func `commits what returns and rolls back what throws`() async throws {
        struct Regret: Error {}
        try await TestPostgres.withPool(size: 1) { pool in
            try await pool.withConnection { try await $0.runScript("create temp table kept (n int8)") }
            let insert = Statement("keep", "insert into kept values ($1)")
            try await pool.withTransaction { _ = try await $0.query(insert(.int8(1))) }
            await #expect(throws: Regret.self) {
                try await pool.withTransaction { connection in
                    _ = try await connection.query(insert(.int8(2)))
                    throw Regret()
                }
            }
            let rows = try await pool.withConnection { try await $0.query(Statement("kept", "select n from kept")()) }
            #expect(try rows.map { try $0.int8(0) } == [1])
        }
    }

    @Test func `tells a caller in time that every connection is lent out`() async throws {
        try await TestPostgres.withPool(size: 1, acquireTimeout: .seconds(1)) { pool in
            // The first connection may take longer than that on a busy machine.
            try await eventually { (try? await pool.withConnection { _ in }) != nil }
            try await pool.withConnection { _ in
                await #expect(throws: PostgresError.poolExhausted) { try await pool.withConnection { _ in } }
            }
            try await pool.withConnection { _ = try await $0.query(one()) }
        }
    }

    @Test func `throws away a connection that comes back with a transaction open`() async throws {
        try await TestPostgres.withPool(size: 1) { pool in
            let first = try await pool.withConnection { connection in
                _ = try await connection.query(Statement.begin())
                return connection.backendPID
            }
            let second = try await pool.withConnection { $0.backendPID }
            #expect(first != second)
        }
    }

    @Test func `replaces connections whose backends were killed`() async throws {
        try await TestPostgres.withPool(size: 3) { pool in
            for _ in 0..<3 {
                let victim = try await pool.withConnection { $0.backendPID }
                try await TestPostgres.withConnection { killer in
                    _ = try await killer.query(
                        Statement("kill", "select pg_terminate_backend($1, 5000)")(.int4(victim)))
                }
                try await eventually {
                    (try? await pool.withConnection { try await $0.query(one()) }) != nil
                }
            }
        }
    }

    @Test func `lets nobody in after it is closed`() async throws {
        try await TestPostgres.withPool(size: 1) { pool in
            pool.close()
            await #expect(throws: PostgresError.closed) { try await pool.withConnection { _ in } }
        }
    }
}
