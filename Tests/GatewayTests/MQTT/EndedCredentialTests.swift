import Foundation
import Runtime
import Support
import Testing

@testable import Gateway

@Suite(.timeLimit(.minutes(2))) struct `A key or certificate that has ended` {
    private static func run(_ sql: String, in pool: PostgresPool) async throws {
        _ = try await pool.withConnection { try await $0.query(Statement.unprepared("change", sql)()) }
    }

    private static func numbers(in pool: PostgresPool) async throws -> [String] {
        try await pool.withConnection { connection in
            try await connection.query(
                Statement.unprepared("numbers", "select device || key_id from device_credentials order by 1")()
            ).map { try $0.text(0) }
        }
    }

    /// Rows of one device: each with a number, and how long ago it ended.
    private static func insert(_ ends: KeyValuePairs<Int, String>, in pool: PostgresPool) async throws {
        for (number, ago) in ends {
            try await run(
                """
                insert into device_credentials (device, key_id, key_hash, expires_time)
                values ('d', '\(number)', sha256('x'), now() - interval '\(ago)')
                """, in: pool)
        }
    }

    @Test func `is forgotten a day later, and nobody has to be told`() async throws {
        try await PostgresLog.with { log in
            let (access, purge) = (
                PostgresDeviceAccess(pool: log.pool),
                EndedCredentialPurge(pool: log.pool, logger: GatewayHarness.logger)
            )
            try await Self.insert([1: "1 year", 2: "25 hours", 3: "23 hours", 4: "-1 hour"], in: log.pool)
            try await Self.run(
                "insert into device_credentials (device, key_id, key_hash) values ('d', '5', sha256('y'))", in: log.pool
            )
            let (before, _) = try await access.extent()
            let shown = try await PostgresDeviceKeys(pool: log.pool).credentials(of: "d")
            #expect(try await purge.round() == 2)
            #expect(try await Self.numbers(in: log.pool) == ["d3", "d4", "d5"])
            #expect(try await access.changes(after: before, limit: 9).isEmpty)
            #expect(try await PostgresDeviceKeys(pool: log.pool).credentials(of: "d") == shown)
            #expect(try await purge.round() == 0)
        }
    }

    @Test func `is told of if it is taken away before it is known to have ended`() async throws {
        try await PostgresLog.with { log in
            let access = PostgresDeviceAccess(pool: log.pool)
            try await Self.insert([1: "1 minute", 2: "-1 hour"], in: log.pool)
            for number in 1...2 {
                let (before, _) = try await access.extent()
                try await Self.run("delete from device_credentials where key_id = '\(number)'", in: log.pool)
                #expect(try await access.changes(after: before, limit: 9).map(\.device) == ["d"], "\(number)")
            }
        }
    }

    @Test func `is passed over while somebody else changes it, and taken with many others`() async throws {
        try await PostgresLog.with { log in
            let purge = EndedCredentialPurge(pool: log.pool, logger: GatewayHarness.logger)
            try await Self.run(
                """
                insert into device_credentials (device, key_id, key_hash, expires_time)
                select 'm', n::text, sha256('x'), now() - interval '2 days' from generate_series(1, 2500) n
                """, in: log.pool)
            try await log.pool.withConnection { connection in
                for statement in ["begin", "delete from device_credentials where key_id = '7'"] {
                    _ = try await connection.query(Statement.unprepared("hold", statement)())
                }
                #expect(try await purge.round() == 2_499)
                _ = try await connection.query(Statement.unprepared("give back", "rollback")())
            }
            #expect(try await Self.numbers(in: log.pool) == ["m7"])
            #expect(try await purge.round() == 1)
        }
    }

    @Test func `is found by an index among those that last`() async throws {
        try await PostgresLog.with { log in
            try await Self.run(
                """
                insert into device_credentials (device, key_id, key_hash, expires_time)
                select 'd' || n, '1', sha256('x'), case when n % 100 = 0 then now() + n * interval '1 hour' end
                from generate_series(1, 20000) n
                """, in: log.pool)
            try await Self.insert([1: "2 days"], in: log.pool)
            let pool = PostgresPool(
                url: try DatabaseURL(log.database.superuserURL), size: 1, threads: [log.thread],
                logger: GatewayHarness.logger)
            defer { pool.close() }
            try await Self.run("analyze device_credentials", in: pool)
            let rows = RowsRead(of: ["device_credentials"], by: pool)
            let before = try await rows.count()
            #expect(try await EndedCredentialPurge(pool: pool, logger: GatewayHarness.logger).round() == 1)
            #expect(try await rows.count() - before < 10)
        }
    }
}
