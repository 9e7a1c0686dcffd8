import Testing

@testable import Runtime

@Suite struct `A copy out of Postgres` {
    private static func copy(_ query: String) -> Statement {
        .unprepared("copied", "copy (\(query)) to stdout (format binary)", effect: .reads)
    }

    /// What the connection is good for afterwards.
    private func expectUsable(_ connection: PostgresConnection) async throws {
        #expect(connection.isIdle)
        let rows = try await connection.run([
            Statement("one", "select 1")(), Statement("two", "select $1::int4")(.int4(2)),
        ])
        #expect(try rows.map { try $0[0].int4(0) } == [1, 2])
    }

    private func numbers(_ rows: CopiedRows) throws -> [Int32] {
        try (0..<rows.count).map { index in
            try rows.withRow(index) { bytes throws(PostgresError) in
                var row = try CopiedRow(bytes, columns: 2)
                let number = try row.integer(Int32.self)
                #expect(try row.field() == nil)
                return number
            }
        }
    }

    @Test func `hands over every row once and in order, between other statements`() async throws {
        try await TestPostgres.withConnection { connection in
            async let before = connection.query(Statement("before", "select 1")())
            async let rows = connection.copyOut(
                Self.copy("select n, null::text from generate_series(1, 100000) n"), byteLimit: 1 << 30)
            async let after = connection.query(Statement("after", "select 1")())
            #expect(try await numbers(rows) == Array(1...100_000))
            _ = try await (before, after)
            try await expectUsable(connection)
        }
    }

    @Test func `of nothing is empty`() async throws {
        try await TestPostgres.withConnection { connection in
            let rows = try await connection.copyOut(Self.copy("select 1, 2 where false"), byteLimit: 1 << 20)
            #expect(rows.count == 0)
            #expect(!rows.isCut)
            try await expectUsable(connection)
        }
    }

    @Test func `ends at its limit, and Postgres ends with it`() async throws {
        try await TestPostgres.withConnection { connection in
            let endless = Self.copy("select generate_series(1, 1000000000), null::text")
            let rows = try await connection.copyOut(endless, byteLimit: 100_000)
            #expect(rows.isCut)
            #expect(rows.bytes.count <= 100_000)
            #expect(try numbers(rows) == Array(1...Int32(rows.count)))
            try await expectUsable(connection)
        }
    }

    @Test func `takes one row that is larger than its limit`() async throws {
        try await TestPostgres.withConnection { connection in
            let rows = try await connection.copyOut(
                Self.copy("select repeat('x', 100000) from generate_series(1, 3)"), byteLimit: 1_000)
            #expect(rows.count == 1)
            #expect(rows.isCut)
            try await expectUsable(connection)
        }
    }

    @Test func `that fails half-way says so by name`() async throws {
        try await TestPostgres.withConnection { connection in
            do throws(PostgresError) {
                _ = try await connection.copyOut(
                    Self.copy("select 1 / (n - 50000), null from generate_series(1, 100000) n"), byteLimit: 1 << 30)
                Issue.record("it did not fail")
            } catch {
                #expect(error.sqlState?.rawValue == "22012")
                if case .server(let server) = error { #expect(server.statement == "copied") }
            }
            try await expectUsable(connection)
        }
    }

    @Test func `that takes too long is stopped`() async throws {
        try await TestPostgres.withConnection { connection in
            await #expect(throws: PostgresError.timedOut) {
                _ = try await connection.copyOut(
                    Self.copy("select n, pg_sleep(0.01) from generate_series(1, 100000) n"), byteLimit: 1 << 30,
                    timeout: .milliseconds(200))
            }
            try await expectUsable(connection)
        }
    }

    @Test func `whose caller is cancelled is stopped`() async throws {
        try await TestPostgres.withConnection { connection in
            let copying = Task {
                try await connection.copyOut(
                    Self.copy("select n, pg_sleep(0.01) from generate_series(1, 100000) n"), byteLimit: 1 << 30)
            }
            copying.cancel()
            await #expect(throws: PostgresError.cancelled) { try await copying.value }
            try await expectUsable(connection)
        }
    }

    @Test func `over a connection that breaks is an error`() async throws {
        try await TestPostgres.withConnection { connection in
            try await TestPostgres.withConnection { other in
                async let rows = connection.copyOut(
                    Self.copy("select n, pg_sleep(0.01) from generate_series(1, 100000) n"), byteLimit: 1 << 30)
                _ = try await other.query(
                    Statement("end", "select pg_terminate_backend($1)")(.int4(connection.backendPID)))
                do {
                    _ = try await rows
                    Issue.record("it did not fail")
                } catch {
                    #expect(error as? PostgresError == .connectionLost(outcomeUnknown: false))
                }
                #expect(!connection.isUsable)
            }
        }
    }
}
