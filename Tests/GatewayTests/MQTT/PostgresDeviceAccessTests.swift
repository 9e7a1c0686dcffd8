import Aggregates
import Crypto
import Foundation
import Migrations
import Runtime
import Support
import Testing

@testable import Gateway

@Suite(.timeLimit(.minutes(2))) struct `Who may come in, in Postgres` {
    private static func with(
        _ body: @escaping @Sendable (PostgresDeviceAccess, PostgresPool) async throws -> Void
    ) async throws {
        try await PostgresLog.with { log in try await body(PostgresDeviceAccess(pool: log.pool), log.pool) }
    }

    private static func run(_ sql: String, in pool: PostgresPool) async throws {
        _ = try await pool.withConnection { try await $0.query(Statement.unprepared("change", sql)()) }
    }

    private static let insertion =
        "insert into device_credentials (device, key_id, key_hash) values ('a', '1', sha256('x')), ('b', '1', sha256('y'))"

    @Test func `moves to a new revision with each change of keys or state, and with no other`() async throws {
        try await Self.with { access, pool in
            try await Self.run(Self.insertion, in: pool)
            var (revision, devices) = try await access.extent()
            #expect(devices == 2)
            let changes = [
                "update device_access set state = 'quarantined' where device = 'a'",
                "insert into device_credentials (device, key_id, key_hash) values ('a', '2', sha256('z'))",
                "update device_credentials set expires_time = now() + interval '1 hour' where key_id = '2'",
                "delete from device_credentials where device = 'a' and key_id = '2'",
            ]
            for change in changes {
                try await Self.run(change, in: pool)
                let found = try await access.changes(after: revision, limit: 10)
                #expect(found.map(\.device) == ["a"], "\(change)")
                #expect(found.first?.state == .quarantined)
                revision = try #require(found.first).revision
            }
            try await access.note(used: [("a", 1)], learned: [])
            #expect(try await access.changes(after: revision, limit: 10).isEmpty)
        }
    }

    @Test func `is looked up device by device, also when it was asked while there were few`() async throws {
        try await PostgresLog.with { log in
            let pool = PostgresPool(
                url: try DatabaseURL(log.database.superuserURL), size: 1, threads: [log.thread],
                logger: GatewayHarness.logger)
            defer { pool.close() }
            let access = PostgresDeviceAccess(pool: pool)
            try await Self.insert(1...20, in: pool)
            try await Self.run("analyze device_access, device_credentials", in: pool)
            // After five times Postgres keeps the plan of a prepared statement.
            for _ in 0..<10 { _ = try await access.access(of: ["d1"]) }
            try await Self.insert(21...5_000, in: pool)
            let rows = RowsRead(of: ["device_access", "device_credentials"], by: pool)
            let before = try await rows.count()
            #expect(try await access.access(of: ["d1", "d4711"]).map(\.device) == ["d1", "d4711"])
            #expect(try await rows.count() - before < 100)
        }
    }

    private static func insert(_ devices: ClosedRange<Int>, in pool: PostgresPool) async throws {
        try await run(
            """
            insert into device_credentials (device, key_id, key_hash)
            select 'd' || n, '1', sha256('x') from generate_series(\(devices.lowerBound), \(devices.upperBound)) n
            """, in: pool)
    }

    @Test func `is a certificate too`() async throws {
        try await Self.with { access, pool in
            try await Self.run(Self.insertion, in: pool)
            let end = Timestamp.now() + .seconds(3_600)
            try await Self.run(
                """
                insert into device_credentials
                    (device, key_id, certificate_sha256, certificate_subject, certificate_not_after, expires_time)
                values ('a', '2', sha256('c'), '', '\(end)', '\(end)')
                """, in: pool)
            let keys = try #require(try await access.access(of: ["a"]).first).keys.sorted { $0.number < $1.number }
            let hash = Array(SHA256.hash(data: Data("c".utf8)))
            #expect(keys.last == DeviceAccess.Key(number: 2, proof: .certificate(hash), expires: end))
            #expect(keys.count == 2)
            for wrong in [
                "(device, key_id) values ('a', '3')",
                "(device, key_id, certificate_sha256) values ('a', '3', sha256('d'))",
                "(device, key_id, key_hash, certificate_sha256, certificate_subject, certificate_not_after) "
                    + "values ('a', '3', sha256('d'), sha256('d'), '', now())",
            ] {
                await #expect(throws: PostgresError.self, "\(wrong)") {
                    try await Self.run("insert into device_credentials \(wrong)", in: pool)
                }
            }
        }
    }

    @Test func `is read in pages, without keys whose time has run out`() async throws {
        try await Self.with { access, pool in
            try await Self.run(Self.insertion, in: pool)
            try await Self.run(
                "update device_credentials set expires_time = now() - interval '1 second' where device = 'b'", in: pool)
            let first = try await access.page(after: "", limit: 1)
            #expect(first.map(\.device) == ["a"])
            #expect(first.first?.keys.count == 1)
            let second = try await access.page(after: "a", limit: 1)
            #expect(second.map(\.device) == ["b"])
            #expect(second.first?.keys == [])
            #expect(try await access.page(after: "b", limit: 1).isEmpty)
            #expect(try await access.expired(since: .now() + .seconds(-60)).map(\.device) == ["b"])
            #expect(try await access.expired(since: .now() + .seconds(60)).isEmpty)
        }
    }

    @Test func `is known with its type and account, also from before those were written there`() async throws {
        try await PostgresLog.with { log in
            let directory = Directory<Device>(store: log.store, snapshots: InMemorySnapshotStore())
            for device in ["a", "b", "c"] { try await directory.register(device) }
            let context = CommandContext(time: .now(), principal: .system, scope: .all)
            let oven = DeviceType("oven")
            for type in [DeviceType("smoke"), oven] {
                try await directory.send(
                    CommandEnvelope(id: .v7(), .update(Changes(type: type)), context: context), to: "b")
            }
            let other = AccountStanding(id: AccountID("other"), isActive: true)
            try await directory.send(CommandEnvelope(id: .v7(), .assign(other), context: context), to: "c")
            try await Self.run(
                "insert into device_access (device) values ('a'), ('b'), ('c'), ('unknown')", in: log.pool)
            // What the migration does with those that are there.
            let migration = try #require(Migrations.all.first { $0.name.hasSuffix("-limits") }).sql
            let update = try #require(migration.split(separator: ";").first { $0.contains("update device_access a") })
            try await Self.run(String(update), in: log.pool)
            let access = PostgresDeviceAccess(pool: log.pool)
            let temperature = DeviceTypeName(account: .default, type: DeviceType("temperature"))
            #expect(
                try await access.access(of: ["a", "b", "c", "unknown"]).map(\.type) == [
                    temperature, DeviceTypeName(account: .default, type: oven),
                    DeviceTypeName(account: AccountID("other"), type: DeviceType("temperature")), nil,
                ])
            #expect(try await access.page(of: temperature, after: "", limit: 9).map(\.device) == ["a"])
            #expect(try await access.page(of: temperature, after: "a", limit: 9).isEmpty)
            let (revision, _) = try await access.extent()
            try await Self.run(
                #"update device_access set limits = '{"messageBurst":7}' where device = 'a'"#, in: log.pool)
            let changed = try await access.changes(after: revision, limit: 9)
            #expect(changed.map(\.device) == ["a"] && changed.first?.limits == MessageLimits(messageBurst: 7))
        }
    }

    @Test func `keeps a verifier of before until its hash is learned`() async throws {
        try await Self.with { access, pool in
            let hash = Data(repeating: 7, count: 64)
            let verifier = "$7$101$\(Data("salt".utf8).base64EncodedString())$\(hash.base64EncodedString())"
            try await Self.run(
                "insert into device_credentials (device, key_id, verifier) values ('old', '1', '\(verifier)')", in: pool
            )
            let proof = DeviceAccess.Key.Proof.derived(rounds: 101, salt: Array("salt".utf8), hash: Array(hash))
            #expect(try await access.access(of: ["old"]).first?.keys == [.init(number: 1, proof: proof)])
            let learned = [UInt8](repeating: 3, count: 32)
            try await access.note(used: [], learned: [LearnedKey(device: "old", number: 1, sha256: learned)])
            #expect(try await access.access(of: ["old"]).first?.keys == [.init(number: 1, proof: .sha256(learned))])
        }
    }
}
