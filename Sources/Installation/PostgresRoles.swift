import Foundation

extension PostgresCluster {
    /// Roles, their passwords and the database, whatever of it is missing.
    func createRoles() async throws(InstallationError) {
        let grant =
            PostmasterFile.majorVersion(in: data) ?? 0 >= 16
            ? "grant fleetlog_server, fleetlog_retention to fleetlog_owner with admin true, inherit false;"
            : "grant fleetlog_retention to fleetlog_owner;"
        try await perform(
            """
            select format('create role %I %s', name, options)
            from (values ('fleetlog_owner', 'login createrole'), ('fleetlog_app', 'login'),
                         ('fleetlog_server', 'nologin'), ('fleetlog_retention', 'nologin')) as wanted (name, options)
            where not exists (select from pg_roles where rolname = name)
            \\gexec
            alter role fleetlog_owner password '\(passwords.owner)';
            alter role fleetlog_app password '\(passwords.server)';
            grant fleetlog_server to fleetlog_app;
            \(grant)
            select 'create database fleetlog owner fleetlog_owner'
            where not exists (select from pg_database where datname = 'fleetlog')
            \\gexec

            """)
    }

    /// Runs statements as superuser, outside of any transaction, stopping at the first error.
    func perform(_ statements: String) async throws(InstallationError) {
        let programs = try Programs.postgres()
        try await Command(
            programs.postgresProgram("psql"),
            ["--no-psqlrc", "--quiet", "--tuples-only", "--set=ON_ERROR_STOP=1", "--no-password"],
            environment: [
                "PGHOST": socketFolder, "PGUSER": Self.superuser, "PGPASSWORD": passwords.superuser,
                "PGDATABASE": "postgres", "PGOPTIONS": "-c log_min_error_statement=panic",
            ]
        ).run(input: statements)
    }
}

extension PostmasterFile {
    static func majorVersion(in data: String) -> Int? {
        PrivateFiles.read(data + "/PG_VERSION").flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    }
}
