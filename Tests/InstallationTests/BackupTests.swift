import Foundation
import Installation
import Support
import Testing

@Suite(.serialized, .timeLimit(.minutes(2))) struct `A backup` {
    @Test func `brings back everything, rights included`() async throws {
        let source = try await TestDatabase.create(migrated: false)
        try await psql(
            source.ownerURL,
            """
            create table notes (n int primary key, text text);
            insert into notes select n, 'ä' || n from generate_series(1, 1000) n;
            grant select on notes to fleetlog_server
            """)
        let file = try ThrowawayFolder.make() + "/notes.backup"
        try await Backup.backup(to: file, from: source.ownerURL)
        #expect(try mode(of: file) == 0o600)

        let target = try await TestDatabase.create(migrated: false)
        try await Backup.restore(from: file, to: target.ownerURL)
        let digest = "select count(*), md5(string_agg(text, ',' order by n)) from notes"
        #expect(try await psql(target.serverURL, digest) == psql(source.serverURL, digest))
        await #expect(throws: InstallationError.self) { try await psql(target.serverURL, "delete from notes") }
    }

    @Test func `brings back the schema with its owners, rights and guards`() async throws {
        let source = try await TestDatabase.create()
        let file = try ThrowawayFolder.make() + "/log.backup"
        try await Backup.backup(to: file, from: source.ownerURL)
        let target = try await TestDatabase.create(migrated: false)
        try await Backup.restore(from: file, to: target.ownerURL)
        #expect(try await schema(of: target) == schema(of: source))
        #expect(try await psql(target.serverURL, "select count(*) from events") == "0")
    }

    @Test func `takes a path from where the caller stands`() async throws {
        let source = try await TestDatabase.create(migrated: false)
        try await psql(source.ownerURL, "create table notes (n int)")
        let here = FileManager.default.currentDirectoryPath.split(separator: "/").count
        let file = String(repeating: "../", count: here) + (try ThrowawayFolder.make()).dropFirst() + "/relative.backup"
        try await Backup.backup(to: file, from: source.ownerURL)
        let target = try await TestDatabase.create(migrated: false)
        try await Backup.restore(from: file, to: target.ownerURL)
        #expect(try await psql(target.ownerURL, "select count(*) from notes") == "0")
    }

    private func schema(of database: TestDatabase) async throws -> String {
        // Newer programs put a random word into each dump.
        let dump = try await run("/usr/bin/pg_dump", ["--schema-only", "-d", database.ownerURL])
        return dump.replacing(/\\(un)?restrict .*/, with: "")
    }

    @Test func `is not restored over what is there`() async throws {
        let database = try await TestDatabase.create(migrated: false)
        try await psql(database.ownerURL, "create table notes (n int)")
        let file = try ThrowawayFolder.make() + "/notes.backup"
        try await Backup.backup(to: file, from: database.ownerURL)
        await #expect(throws: InstallationError.databaseNotEmpty(database: database.name, relations: 1)) {
            try await Backup.restore(from: file, to: database.ownerURL)
        }
    }

    @Test func `never overwrites a file`() async throws {
        let database = try await TestDatabase.create(migrated: false)
        let file = try ThrowawayFolder.make() + "/precious"
        try "mine".write(toFile: file, atomically: true, encoding: .utf8)
        await #expect(throws: InstallationError.backupExists(file: file)) {
            try await Backup.backup(to: file, from: database.ownerURL)
        }
        await #expect(throws: InstallationError.backupMissing(file: file)) {
            try await Backup.restore(from: file, to: database.ownerURL)
        }
    }

    @Test func `that fails leaves no file and tells why`() async throws {
        let database = try await TestDatabase.create(migrated: false)
        let folder = try ThrowawayFolder.make()
        let gone = database.ownerURL.replacing(database.name, with: "no_such_database")
        let error = await #expect(throws: InstallationError.self) {
            try await Backup.backup(to: folder + "/file", from: gone)
        }
        #expect(error?.description.contains("no_such_database") == true)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])
        await #expect(throws: InstallationError.self) {
            try await Backup.backup(to: folder + "/file", from: "host=/tmp password=secret")
        }
    }
}
