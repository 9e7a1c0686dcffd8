import Foundation
import Installation
import Support
import Testing

@Suite(.serialized, .timeLimit(.minutes(3))) struct `A private Postgres` {
    @Test func `goes on from the same data after a stop`() async throws {
        let postgres = try await ThrowawayPostgres.start()
        try await psql(postgres.ownerURL, "create table t (n int); insert into t values (7)")
        await postgres.stop()
        await #expect(throws: InstallationError.self) { try await psql(postgres.ownerURL, "select 1") }
        try await postgres.start()
        #expect(try await psql(postgres.ownerURL, "select n from t") == "7")
        await postgres.stop()
    }

    @Test func `loses nothing committed when it is killed`() async throws {
        let postgres = try await ThrowawayPostgres.start()
        try await psql(postgres.ownerURL, "create table t (n int); insert into t values (7)")
        await postgres.kill()
        try await postgres.start()
        #expect(try await psql(postgres.ownerURL, "select n from t") == "7")
        await postgres.stop()
    }

    @Test func `is durable, checksummed, UTF-8 and closed to the network`() async throws {
        let postgres = try await ThrowawayPostgres.shared()
        for (setting, expected) in [
            "fsync": "on", "synchronous_commit": "on", "data_checksums": "on", "server_encoding": "UTF8",
            "listen_addresses": "", "password_encryption": "scram-sha-256",
        ] {
            #expect(try await psql(postgres.serverURL, "show \(setting)") == expected, "\(setting)")
        }
        let locale = "select datcollate from pg_database where datname = 'fleetlog'"
        #expect(try await psql(postgres.serverURL, locale) == "C.UTF-8")
    }

    @Test func `refuses a wrong password`() async throws {
        let postgres = try await ThrowawayPostgres.shared()
        let wrong = postgres.serverURL.replacing(/:[0-9a-f]+@/, with: ":wrong@")
        await #expect(throws: InstallationError.self) { try await psql(wrong, "select 1") }
    }

    @Test func `gives the server's role its group and no more`() async throws {
        let postgres = try await ThrowawayPostgres.shared()
        #expect(try await psql(postgres.serverURL, "select pg_has_role('fleetlog_server', 'usage')") == "t")
        #expect(try await psql(postgres.serverURL, "select pg_has_role('fleetlog_retention', 'usage')") == "f")
        await #expect(throws: InstallationError.self) {
            try await psql(postgres.serverURL, "create table mine (n int)")
        }
        try await psql(postgres.ownerURL, "create role some_group nologin; drop role some_group")
    }

    @Test func `is never root and keeps its files to itself`() async throws {
        let postgres = try await ThrowawayPostgres.start()
        let pid = try #require(await postgres.process.running).pid
        let owner = try FileManager.default.attributesOfItem(atPath: "/proc/\(pid)")[.ownerAccountID] as? Int
        #expect(owner != 0)
        let data = try #require(ProcessTable.workingFolder(of: pid))
        #expect(try mode(of: data) == 0o700)
        let passwords = (data as NSString).deletingLastPathComponent + "/passwords"
        #expect(try mode(of: passwords) == 0o700)
        #expect(try mode(of: passwords + "/owner") == 0o600)
        await postgres.stop()
    }

    @Test func `is taken over when it was left running`() async throws {
        let folder = try ThrowawayFolder.make()
        let before = try await ThrowawayPostgres.start(in: folder)
        let pid = try #require(await before.process.running).pid
        let after = try await ThrowawayPostgres.start(in: folder)
        #expect(await after.process.running?.pid == pid)
        #expect(try await psql(after.serverURL, "select 1") == "1")
        await after.stop()
        try await eventually("the end") { await before.process.running == nil }
    }

    @Test func `is not confused by a stranger with the number of a dead server`() async throws {
        let postgres = try await ThrowawayPostgres.start()
        let pid = try #require(await postgres.process.running).pid
        let data = try #require(ProcessTable.workingFolder(of: pid))
        let file = try String(contentsOfFile: data + "/postmaster.pid", encoding: .utf8)
        await postgres.kill()
        try file.replacing(/^[0-9]+/, with: "\(getpid())")
            .write(toFile: data + "/postmaster.pid", atomically: false, encoding: .utf8)
        try await postgres.start()
        #expect(try await psql(postgres.serverURL, "select 1") == "1")
        await postgres.stop()
    }

    @Test func `works in a folder deeper than a socket path may be`() async throws {
        let folder = try ThrowawayFolder.make() + String(repeating: "/deep folder", count: 12)
        let postgres = try await ThrowawayPostgres.start(in: folder)
        #expect(try await psql(postgres.serverURL, "select 1") == "1")
        let sockets = try await psql(postgres.superuserURL, "show unix_socket_directories")
        await postgres.stop()
        try FileManager.default.removeItem(atPath: sockets)
    }

    @Test func `of a version that is not installed is refused by name of the package`() async throws {
        let folder = try ThrowawayFolder.make()
        let postgres = try ThrowawayPostgres.prepare(in: folder)
        try FileManager.default.createDirectory(atPath: folder + "/postgres/data", withIntermediateDirectories: true)
        try "99\n".write(toFile: folder + "/postgres/data/PG_VERSION", atomically: true, encoding: .utf8)
        let error = await #expect(throws: InstallationError.self) { try await postgres.start() }
        #expect(error?.description.contains("apt-get install postgresql-99") == true)
    }

    @Test(.enabled(if: geteuid() == 0, "only root runs it as another user"))
    func `in a folder that its user cannot enter is refused by name of the directory`() async throws {
        let closed = try ThrowawayFolder.make() + "/closed"
        try FileManager.default.createDirectory(
            atPath: closed, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        let postgres = try ThrowawayPostgres.prepare(in: closed + "/.fleetlog")
        await #expect(throws: InstallationError.folderNotEnterable(directory: closed, user: "postgres")) {
            try await postgres.start()
        }
    }
}

func mode(of path: String) throws -> Int? {
    try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
}
