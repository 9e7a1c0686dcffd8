import Foundation

/// Saves a database to one file and brings it back, with Postgres's own programs.
package enum Backup {
    /// Writes a consistent copy of the database as of now to a new file, readable for its owner only.
    ///
    /// - Parameter url: libpq URL of a role that may read everything; the server may go on meanwhile.
    package static func backup(to path: String, from url: String) async throws(InstallationError) {
        // Postgres's programs run in another folder than ours.
        let file = URL(fileURLWithPath: path).path
        let source = try ConnectionURL(url)
        let programs = try Programs.postgres()
        guard access(file, F_OK) != 0 else { throw .backupExists(file: file) }
        let unfinished = file + ".unfinished"
        // Exists with its mode before the first byte is written.
        try PrivateFiles.write("", to: unfinished)
        defer { unlink(unfinished) }
        try await Command(
            programs.postgresProgram("pg_dump"),
            ["--format=custom", "--no-password", "--file=\(unfinished)", "--dbname=\(source.withoutPassword)"],
            environment: source.environment
        ).run()
        try flush(unfinished)
        guard rename(unfinished, file) == 0 else { throw .failed(file) }
    }

    /// Brings a backup back, all or nothing.
    ///
    /// - Parameter url: libpq URL of an empty database, as its owner.
    package static func restore(from path: String, to url: String) async throws(InstallationError) {
        let file = URL(fileURLWithPath: path).path
        let target = try ConnectionURL(url)
        let programs = try Programs.postgres()
        guard let handle = FileHandle(forReadingAtPath: file), let start = try? handle.read(upToCount: 5),
            start == Data("PGDMP".utf8)
        else { throw .backupMissing(file: file) }
        try await checkEmpty(target, programs)
        // A backup holds one database, and roles belong to no database: those it grants to must be there.
        try await perform(createGroupRoles, target, programs)
        try await Command(
            programs.postgresProgram("pg_restore"),
            [
                "--exit-on-error", "--single-transaction", "--no-password", "--dbname=\(target.withoutPassword)", file,
            ],
            environment: target.environment
        ).run()
        try await perform("analyze;", target, programs)
    }

    private static func checkEmpty(_ target: ConnectionURL, _ programs: Programs) async throws(InstallationError) {
        let answer = try await perform(countRelations, target, programs).split(whereSeparator: \.isWhitespace)
        guard answer.count == 2, let relations = Int(answer[0]) else {
            throw .urlUnusable(reason: "the database does not answer as expected")
        }
        guard relations == 0 else { throw .databaseNotEmpty(database: String(answer[1]), relations: relations) }
    }

    @discardableResult
    private static func perform(
        _ statements: String, _ target: ConnectionURL, _ programs: Programs
    ) async throws(InstallationError) -> String {
        try await Command(
            programs.postgresProgram("psql"),
            [
                "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--field-separator= ", "--no-password",
                "--set=ON_ERROR_STOP=1", "--dbname=\(target.withoutPassword)",
            ],
            environment: target.environment
        ).run(input: statements)
    }

    private static func flush(_ path: String) throws(InstallationError) {
        let file = open(path, O_RDWR | O_CLOEXEC)
        guard file >= 0 else { throw .failed(path) }
        defer { close(file) }
        guard fsync(file) == 0 else { throw .failed(path) }
    }

    private static let countRelations = """
        select count(*), current_database()
        from pg_class
        where relnamespace not in (
            select oid from pg_namespace where nspname = 'information_schema' or nspname like 'pg\\_%');
        """

    private static let createGroupRoles = """
        select format('create role %I nologin', name)
        from (values ('fleetlog_server'), ('fleetlog_retention')) as wanted (name)
        where not exists (select from pg_roles where rolname = name)
        \\gexec

        """
}
