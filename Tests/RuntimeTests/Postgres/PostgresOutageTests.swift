import Runtime
import Support
import Testing

private let one = Statement("one", "select 1")

@Suite struct `A pool whose Postgres goes away` {
    @Test func `fails with typed errors meanwhile and works again without restart`() async throws {
        let socket = try await ServerSocket()
        let thread = try PollThread(name: "test")
        defer { thread.shutdown() }
        let pool = try await PostgresPool(
            url: socket.url(), size: 2, acquireTimeout: .seconds(1), threads: [thread],
            logger: TestPostgres.quiet)
        defer { pool.close() }
        // The first connection may take longer than the timeout on a busy machine.
        try await eventually { (try? await pool.withConnection { _ in }) != nil }
        let backend = try await pool.withConnection { $0.backendPID }
        #expect(pool.isReachable)

        socket.close()
        try await TestPostgres.withConnection { killer in
            _ = try await killer.query(Statement("kill", "select pg_terminate_backend($1, 5000)")(.int4(backend)))
        }
        try await eventually { !pool.isReachable }
        let error = await #expect(throws: PostgresError.self) { try await pool.withConnection { _ in } }
        guard case .connectFailed = error else {
            Issue.record("not told why")
            return
        }

        socket.open()
        try await eventually { pool.isReachable }
        let rows = try await pool.withConnection { try await $0.query(one()) }
        #expect(rows.count == 1)
    }

    @Test func `starts before Postgres does`() async throws {
        let socket = try await ServerSocket()
        socket.close()
        let thread = try PollThread(name: "test")
        defer { thread.shutdown() }
        let pool = try await PostgresPool(url: socket.url(), size: 2, threads: [thread], logger: TestPostgres.quiet)
        defer { pool.close() }
        let query = Task { try await pool.withConnection { try await $0.query(one()).count } }
        socket.open()
        #expect(try await query.value == 1)
    }
}
