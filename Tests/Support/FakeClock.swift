package import Runtime

/// What servers take for the clock of Postgres: a function of time that stands before the real one.
package struct FakeClock: Sendable {
    private let pool: PostgresPool

    /// - Parameter pool: of one who may do everything; connections of servers that are open already keep the true clock.
    package static func install(in database: TestDatabase, using pool: PostgresPool) async throws -> FakeClock {
        try await pool.withConnection { connection in
            try await connection.runScript(
                """
                create schema faked;
                create table faked.clock (seconds float8 not null);
                insert into faked.clock values (0);
                create function faked.clock_timestamp() returns timestamptz language sql volatile security definer
                    as 'select pg_catalog.clock_timestamp() + make_interval(secs => seconds) from faked.clock';
                grant usage on schema faked to public;
                alter role fleetlog_app in database \(database.name) set search_path = faked, pg_catalog, public
                """)
        }
        return FakeClock(pool: pool)
    }

    /// Sets it to so many seconds before or after the true time.
    package func jump(by seconds: Int) async throws {
        try await pool.withConnection { connection in
            _ = try await connection.query(
                Statement("jump", "update faked.clock set seconds = $1")(.float8(Double(seconds))))
        }
    }
}
