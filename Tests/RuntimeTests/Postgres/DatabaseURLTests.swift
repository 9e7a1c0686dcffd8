import Testing

@testable import Runtime

@Suite struct `A database URL` {
    @Test func `never shows its password`() throws {
        let url = try DatabaseURL("postgresql://app:s3cret@db1:5433,db2/fleet?sslmode=disable")
        #expect(url.description == "postgresql://app:***@db1:5433,db2/fleet")
        for text in ["\(url)", String(reflecting: url), "\([url])"] { #expect(!text.contains("s3cret")) }
        let error = #expect(throws: PostgresError.self) { try DatabaseURL("postgresql://app:s3cret%zz@db/x") }
        #expect(error?.debugDescription.contains("s3cret") == false)
    }

    @Test func `asks for a writable host, unless it says otherwise`() throws {
        let url = try DatabaseURL("postgresql://db1:5433,db2:5434/fleet")
        #expect(url.hosts.count == 2)
        for (host, port) in zip(url.hosts, ["5433", "5434"]) {
            #expect(host.contains { $0.keyword == "target_session_attrs" && $0.value == "read-write" })
            #expect(host.contains { $0.keyword == "port" && $0.value == port })
            #expect(host.contains { $0.keyword == "client_encoding" && $0.value == "UTF8" })
        }
        let any = try DatabaseURL("host=db1 target_session_attrs=any").hosts[0]
        #expect(any.contains { $0.keyword == "target_session_attrs" && $0.value == "any" })
    }

    @Test func `passes over a dead host`() async throws {
        let thread = try PollThread(name: "test")
        defer { thread.shutdown() }
        let socket = try await ServerSocket.directory()
        let url = try DatabaseURL(await TestPostgres.text() + "&host=/nowhere,\(socket)")
        let connection = try await PostgresConnection.connect(to: url, on: thread, logger: TestPostgres.quiet)
        #expect(connection.isUsable)
        await connection.close()
    }

    @Test func `whose hosts are all dead is an error that says why`() async throws {
        let thread = try PollThread(name: "test")
        defer { thread.shutdown() }
        let url = try DatabaseURL("host=/nowhere,127.0.0.1 port=1 password=s3cret")
        let error = await #expect(throws: PostgresError.self) {
            try await PostgresConnection.connect(to: url, on: thread, logger: TestPostgres.quiet)
        }
        guard case .connectFailed(let reason) = error else {
            Issue.record("connected")
            return
        }
        #expect(reason.contains("/nowhere") && reason.contains("127.0.0.1") && !reason.contains("s3cret"))
    }
}
