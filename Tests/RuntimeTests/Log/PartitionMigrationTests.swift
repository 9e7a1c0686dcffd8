import Logging
import Support
import Testing

@testable import Runtime

@Suite struct `A log that was not in partitions` {
    private static let fingerprint = """
        select md5(string_agg(concat_ws('|', position, stream, category, version, id, type, schema_version, account,
            observed_time, recorded_time, principal, command_id, causation_id, correlation_id, trace_parent, data::text),
            ',' order by position)) from events
        """

    private func fill(_ database: TestDatabase, on thread: PollThread) async throws {
        let connection = try await PostgresConnection.connect(
            to: try DatabaseURL(database.superuserURL), on: thread, logger: Logger(label: "test"))
        try await connection.runScript(
            """
            insert into events (position, stream, category, version, id, type, schema_version, account, observed_time,
                recorded_time, principal, command_id, causation_id, trace_parent, data)
            select n, 'device-' || n % 50, 'device', 1 + (n - 1) / 50, gen_random_uuid(),
                case when n <= 50 then 'DeviceRegistered' else 'TelemetryRecorded' end, 1, 'a' || n % 3, now(), now(),
                'system', gen_random_uuid(), case when n % 2 = 0 then gen_random_uuid() end, null,
                format('{ "n" :%s, "text":"é" }', n)::json
            from generate_series(1, 5000) as n;
            update log_head set position = 5000, recorded_time = now()
            """)
        await connection.close()
    }

    @Test func `keeps every event, its position and its bytes, and grows on`() async throws {
        let database = try await TestDatabase.create(migrated: false)
        try await database.migrate(upTo: "0011-snapshots-of-the-past")
        let thread = try PollThread(name: "fill")
        defer { thread.shutdown() }
        try await fill(database, on: thread)
        let before = try await one(Self.fingerprint, database, thread)
        let file = try await one("select pg_relation_filenode('events')::text", database, thread)
        try await database.migrate()
        #expect(try await one(Self.fingerprint, database, thread) == before)
        // Not a row was written anew.
        #expect(try await one("select pg_relation_filenode('events_mixed')::text", database, thread) == file)

        try await PostgresLog.with(database) { log in
            let device = StreamName(category: "device", id: "7")
            let stale = Append([StreamChange(device, expecting: 99, events: [.sample()])])
            #expect(try await log.store.append(stale) == .conflict([StreamVersion(device, at: 100)]))
            let events: [NewEvent] = [.sample(class: .telemetry), .sample()]
            let receipt = try await log.store.append(
                Append([StreamChange(device, expecting: 100, at: 4_957, events: events)])
            ).receipt
            #expect(receipt?.firstPosition == 5_001)
            let stream = try await log.store.readStream(device, from: 99, limit: 10)
            #expect(stream.map(\.version) == [99, 100, 101, 102])
            #expect(stream[0].data == Array(#"{ "n" :4907, "text":"é" }"#.utf8))
            let all = try await log.store.readLog(after: 0, where: .everything, limit: 10_000)
            #expect(all.events.map(\.position) == Array(1...5_002))
            let registered = LogFilter(type: "DeviceRegistered", scope: .only(AccountID("a1")))
            #expect(try await log.store.readLog(after: 0, where: registered, limit: 100).events.count == 17)
            for sql in ["update events_mixed set type = 'x'", "delete from events_mixed", "truncate events_mixed"] {
                do {
                    try await log.asSuperuser(sql)
                    Issue.record("history was changed by \(sql)")
                } catch let error as PostgresError {
                    #expect(error.sqlState == .insufficientPrivilege)
                }
            }
        }
    }

    @Test func `keeps the contract`() async throws {
        let database = try await TestDatabase.create(migrated: false)
        try await database.migrate(upTo: "0011-snapshots-of-the-past")
        let thread = try PollThread(name: "fill")
        defer { thread.shutdown() }
        try await fill(database, on: thread)
        try await database.migrate()
        try await PostgresLog.with(database) { log in
            for (_, body) in EventStoreContract.clauses { try await body(EventStoreContract(store: log.store)) }
        }
    }

    private func one(_ sql: String, _ database: TestDatabase, _ thread: PollThread) async throws -> String {
        let connection = try await PostgresConnection.connect(
            to: try DatabaseURL(database.superuserURL), on: thread, logger: Logger(label: "test"))
        let rows = try await connection.query(Statement.unprepared("one", sql)())
        await connection.close()
        return try #require(try rows.first?.text(0))
    }
}
