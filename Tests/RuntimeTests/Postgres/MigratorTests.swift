import Runtime
import Testing

@Suite struct `The migrator` {
    private let first = Migration(
        name: "0001_things", sql: "create table things (n int8); insert into things values (1);")
    private let second = Migration(name: "0002_more", sql: "alter table things add column t text;")

    @Test func `applies what is missing, once, in order of name`() async throws {
        try await withDatabase { url in
            try await expect(["0001_things"], from: [first], in: url)
            try await expect(["0002_more"], from: [second, first], in: url)
            try await expect([], from: [first, second], in: url)
        }
    }

    private func expect(_ names: [String], from migrations: [Migration], in url: DatabaseURL) async throws {
        let applied = try await Migrator.migrate(url, migrations, logger: TestPostgres.quiet)
        #expect(applied == names)
    }

    @Test func `lets two servers start at once`() async throws {
        try await withDatabase { url in
            let migrations = [first, second]
            try await withThrowingTaskGroup(of: [String].self) { group in
                for _ in 0..<4 {
                    group.addTask { try await Migrator.migrate(url, migrations, logger: TestPostgres.quiet) }
                }
                let applied = try await group.reduce(into: []) { $0 += $1 }
                #expect(applied.sorted() == ["0001_things", "0002_more"])
            }
        }
    }

    @Test func `refuses a changed text`() async throws {
        try await withDatabase { url in
            _ = try await Migrator.migrate(url, [first], logger: TestPostgres.quiet)
            let changed = Migration(name: first.name, sql: first.sql + " ")
            await #expect(throws: MigrationError.changed(["0001_things"])) {
                try await Migrator.migrate(url, [changed], logger: TestPostgres.quiet)
            }
        }
    }

    @Test func `refuses a database newer than the program, and a gap`() async throws {
        try await withDatabase { url in
            _ = try await Migrator.migrate(url, [second.renamed("0003_later", "select 1")], logger: TestPostgres.quiet)
            await #expect(throws: MigrationError.unknown(["0003_later"])) {
                try await Migrator.migrate(url, [first], logger: TestPostgres.quiet)
            }
            await #expect(throws: MigrationError.outOfOrder(["0001_things"])) {
                try await Migrator.migrate(
                    url, [first, second.renamed("0003_later", "select 1")], logger: TestPostgres.quiet)
            }
        }
    }

    @Test func `leaves nothing of a migration that fails`() async throws {
        try await withDatabase { url in
            let broken = Migration(name: "0002_broken", sql: "insert into things values (2); select nonsense;")
            let error = await #expect(throws: MigrationError.self) {
                try await Migrator.migrate(url, [first, broken], logger: TestPostgres.quiet)
            }
            guard case .failed("0002_broken", _) = error else {
                Issue.record("not told which")
                return
            }
            try await withConnection(to: url) { connection in
                let count = try await connection.query(Statement("count", "select count(*) from things")())[0].int8(0)
                #expect(count == 1)
                let status = try await Migrator.status(connection, [first, broken])
                #expect(status.applied == ["0001_things"])
                #expect(status.pending == ["0002_broken"])
                #expect(!status.isCurrent)
            }
        }
    }

    @Test func `refuses a text that commits by itself`() async throws {
        try await withDatabase { url in
            await #expect(throws: MigrationError.endedTransaction(name: "0001_rogue")) {
                try await Migrator.migrate(
                    url, [Migration(name: "0001_rogue", sql: "select 1; commit;")], logger: TestPostgres.quiet)
            }
        }
    }

    @Test func `tells a server what an empty database lacks`() async throws {
        try await withDatabase { url in
            try await withConnection(to: url) { connection in
                let status = try await Migrator.status(connection, [first])
                #expect(status.pending == ["0001_things"])
            }
        }
    }
}

@Suite struct `The check of durability` {
    @Test func `passes a durable server and refuses another by name`() async throws {
        try await TestPostgres.withConnection { connection in
            try await checkDurability(connection)
            try await connection.runScript("set synchronous_commit = off")
            await #expect(throws: DurabilityError.switchedOff(["synchronous_commit"])) {
                try await checkDurability(connection)
            }
        }
    }
}

extension Migration {
    fileprivate func renamed(_ name: String, _ sql: String) -> Migration { Migration(name: name, sql: sql) }
}

private func withConnection(to url: DatabaseURL, _ body: (PostgresConnection) async throws -> Void) async throws {
    let thread = try PollThread(name: "test")
    defer { thread.shutdown() }
    let connection = try await PostgresConnection.connect(to: url, on: thread, logger: TestPostgres.quiet)
    try await body(connection)
    await connection.close()
}

/// A schema of its own, dropped afterwards; a database would cost a checkpoint.
private func withDatabase(_ body: (DatabaseURL) async throws -> Void) async throws {
    try await TestPostgres.withConnection { connection in
        let name = "migrator_\(UUID128.v7().description.filter { $0 != "-" })"
        try await connection.runScript("create schema \(name)")
        do {
            try await body(try DatabaseURL(await TestPostgres.text() + "&options=-csearch_path%3D\(name)"))
        } catch {
            Issue.record(error)
        }
        try await connection.runScript("drop schema \(name) cascade")
    }
}
