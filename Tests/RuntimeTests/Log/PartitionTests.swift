import Logging
import Support
import Testing

@testable import Runtime

@Suite(.serialized) struct `The partitions of the log` {
    private static let leaves = "select relid::text from pg_partition_tree('events') where isleaf order by 1"

    @Test func `take a batch that begins in one and ends in the next`() async throws {
        try await PostgresLog.with { log in
            try await log.usePartitions(of: 1_000)
            let stream = StreamName.fresh("crossing")
            // Nobody makes partitions between these appends but the appends themselves.
            for version in stride(from: Int64(0), to: 6_000, by: 300) {
                let events: [NewEvent] = .samples(300, class: version % 200 == 0 ? .telemetry : .lifecycle)
                let outcome = try await log.store.append(
                    Append([StreamChange(stream, expecting: version, at: version, events: events)]))
                #expect(outcome.receipt?.firstPosition == version + 1)
            }
            let events = try await log.store.readStream(stream, from: 1, limit: 10_000)
            #expect(events.map(\.position) == Array(1...6_000))
            #expect(try await log.store.readLog(after: 0, where: .everything, limit: 10_000).events == events)
            let places = try await log.texts(
                """
                select tableoid::regclass || ': ' || min(position) || '-' || max(position) from events
                where class = 1 group by tableoid order by min(position) limit 2
                """)
            #expect(places == ["events_telemetry_1: 1-900", "events_telemetry_1001: 1201-2000"])
        }
    }

    @Test func `refuse an append that cannot have one, and go on when it can`() async throws {
        try await PostgresLog.with { log in
            try await log.usePartitions(of: 1_000)
            try await log.asSuperuser(
                "revoke execute on function fleetlog_make_partitions() from fleetlog_server")
            let append = Append([StreamChange(.fresh("homeless"), expecting: 0, events: .samples(2_100))])
            do throws(EventStoreError) {
                _ = try await log.store.append(append)
                Issue.record("events were stored where no partition is")
            } catch {
                guard case .unavailable = error else { throw error }
            }
            #expect(try await log.store.head().position == 0)
            try await log.asSuperuser("grant execute on function fleetlog_make_partitions() to fleetlog_server")
            _ = try await log.store.append(
                Append([StreamChange(.fresh("housed"), expecting: 0, events: .samples(900))]))
            let outcome = try await log.store.append(
                Append([StreamChange(.fresh("housed"), expecting: 0, events: .samples(1_000))]))
            #expect(outcome.receipt?.lastPosition == 1_900)
        }
    }

    @Test func `let nobody change history in any of them`() async throws {
        try await PostgresLog.with { log in
            try await log.usePartitions(of: 1_000)
            for eventClass in [EventClass.lifecycle, .telemetry] {
                _ = try await log.store.append(
                    Append([StreamChange(.fresh("kept"), expecting: 0, events: .samples(1_500, class: eventClass))]))
            }
            let tables = try await log.texts("select relid::text from pg_partition_tree('events')")
            #expect(tables.count >= 9)
            for url in [log.database.serverURL, log.database.ownerURL, log.database.superuserURL] {
                let connection = try await PostgresConnection.connect(
                    to: try DatabaseURL(url), on: log.thread, logger: .init(label: "test"))
                for table in tables {
                    for sql in ["update \(table) set type = 'x'", "delete from \(table)", "truncate \(table)"] {
                        let isEmpty =
                            try await log.texts("select (not exists (select from \(table)))::text")[0] == "true"
                        // An empty table has no row whose change could be refused.
                        if isEmpty, !sql.hasPrefix("truncate"), url != log.database.serverURL { continue }
                        do throws(PostgresError) {
                            _ = try await connection.query(Statement.unprepared("tamper", sql)())
                            Issue.record("history was changed by \(sql)")
                        } catch {
                            #expect(error.sqlState == .insufficientPrivilege, "\(sql)")
                        }
                    }
                }
                await connection.close()
            }
            #expect(try await log.store.readLog(after: 0, where: .everything, limit: 10_000).events.count == 3_000)
        }
    }

    @Test func `are made once, however many ask at once`() async throws {
        try await PostgresLog.with { log in
            try await log.usePartitions(of: 1_000)
            try await log.asSuperuser("update log_head set position = 20000")
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        try await log.pool.withConnection { _ = try await $0.query(LogPartitions.make()) }
                    }
                }
                try await group.waitForAll()
            }
            let broken = try await log.texts(
                """
                select name from (
                    select name, first_position, lag(end_position) over (partition by class order by first_position) as e
                    from log_partitions) as p
                where first_position <> coalesce(e, 1)
                """)
            #expect(broken.isEmpty)
            #expect(
                try await log.texts("select max(end_position)::text from log_partitions group by class") == [
                    "22001", "22001",
                ])
        }
    }

    private static let grasps = [
        "update log_partition_sizes set positions = 1000", "insert into log_partitions values ('x', 0, 1, 2)",
        "select fleetlog_make_partition(1::smallint, 1000000001, 1000000002)",
        "insert into events_lifecycle_1 select * from events", "select * from events_lifecycle_1",
        "alter table events detach partition events_telemetry", "insert into stream_floors values ('device-1', 1, 1)",
        "insert into retained_ranges values (1, 2, 1, now())",
    ]

    @Test func `are not the server's to choose`() async throws {
        try await PostgresLog.with { log in
            for sql in Self.grasps {
                do {
                    try await log.pool.withConnection { _ = try await $0.query(Statement.unprepared("grasp", sql)()) }
                    Issue.record("the server's role may \(sql)")
                } catch let error as PostgresError {
                    #expect(error.sqlState == .insufficientPrivilege)
                }
            }
        }
    }

    @Test func `let a stream stand at its floor when its last event has left`() async throws {
        try await PostgresLog.with { log in
            let (gone, kept) = (StreamName.fresh("gone"), StreamName.fresh("kept"))
            _ = try await log.store.append(Append([StreamChange(kept, expecting: 0, events: [.sample()])]))
            try await log.asSuperuser(
                "insert into stream_floors values ('\(gone)', 7, 0), ('\(kept)', 5, 1)")
            for (stream, floor) in [(gone, Int64(7)), (kept, 5)] {
                for expected in [Int64(0), 1, floor - 1, floor + 1] {
                    let outcome = try await log.store.append(
                        Append([StreamChange(stream, expecting: expected, events: [.sample()])]))
                    #expect(outcome == .conflict([StreamVersion(stream, at: floor)]))
                }
                let outcome = try await log.store.append(
                    Append([StreamChange(stream, expecting: floor, events: [.sample()])]))
                #expect(!outcome.isConflict)
            }
        }
    }
}
