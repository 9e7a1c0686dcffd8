/// The statements of a retention; those that name a partition are made for it.
enum RetentionStatements {
    /// A name as `fleetlog_make_partition` gives it, which is safe to be part of a statement.
    static func checked(_ name: String) throws(PostgresError) -> String {
        let prefix = "events_telemetry_"
        guard name.hasPrefix(prefix), name.utf8.dropFirst(prefix.utf8.count).allSatisfy({ (48...57).contains($0) })
        else { throw .misuse("'\(name)' is no partition of telemetry") }
        return name
    }

    // The key spells "fl-retai".
    static let takeLock = Statement.unprepared(
        "take_retention_lock", "select pg_try_advisory_lock(x'666c2d7265746169'::bigint)", effect: .writes)
    static let giveLock = Statement.unprepared(
        "give_retention_lock", "select pg_advisory_unlock(x'666c2d7265746169'::bigint)", effect: .writes)

    static let partitions = Statement.unprepared(
        "retention_partitions",
        """
        select p.name, p.first_position, p.end_position, pg_total_relation_size(c.oid)::bigint,
            i.inhrelid is not null, coalesce(i.inhdetachpending, false)
        from log_partitions p
        join pg_class c on c.oid = to_regclass(quote_ident(p.name))
        left join pg_inherits i on i.inhrelid = c.oid
        where p.class = 1 order by p.first_position
        """)

    static let next = Statement.unprepared(
        "retention_next",
        """
        select position, recorded_time from events where position >= $1 and position < $2 order by position limit 1
        """)

    static func extent(of name: String) -> BoundStatement {
        Statement.unprepared(
            "retention_extent", "select count(*), min(recorded_time), max(recorded_time) from \(name)")()
    }

    // MARK: Floors

    static func streams(of name: String) -> Statement {
        Statement.unprepared(
            "retention_streams",
            """
            select stream, max(version), max(position) from \(name)
            where stream > $1 group by stream order by stream limit $2
            """)
    }

    static let floors = Statement.unprepared(
        "retention_floors",
        """
        select f.stream, f.version, s.state_version, s.uncompressed_size, s.data
        from stream_floors f left join snapshots s on s.stream = f.stream and s.version = f.version
        where f.stream = any($1)
        """)

    static let storeSnapshots = Statement.unprepared(
        "retention_store_snapshots",
        """
        insert into snapshots (stream, version, state_version, recorded_time, uncompressed_size, data)
        select * from unnest($1::text[], $2::bigint[], $3::int[], $4::timestamptz[], $5::int[], $6::bytea[])
        on conflict (stream, version) do update
        set state_version = excluded.state_version, recorded_time = excluded.recorded_time,
            uncompressed_size = excluded.uncompressed_size, data = excluded.data
        """)

    static let storeFloors = Statement.unprepared(
        "retention_store_floors",
        """
        insert into stream_floors (stream, version, position)
        select * from unnest($1::text[], $2::bigint[], $3::bigint[])
        on conflict (stream) do update set version = excluded.version, position = excluded.position
        where stream_floors.version < excluded.version
        """)

    /// Nothing can prove a snapshot before the floor any more.
    static let forgetSnapshots = Statement.unprepared(
        "retention_forget_snapshots",
        """
        delete from snapshots s using unnest($1::text[], $2::bigint[]) as f(stream, version)
        where s.stream = f.stream and s.version < f.version
        """)

    // MARK: Partitions

    static let announce = Statement.unprepared(
        "retention_announce",
        """
        insert into retained_ranges (first_position, end_position, events, cutoff) values ($1, $2, $3, $4)
        on conflict (first_position) do nothing
        """)

    /// Waits for whoever reads the log, and keeps nobody waiting.
    static func detach(_ name: String, isPending: Bool) -> BoundStatement {
        Statement.unprepared(
            "retention_detach",
            "alter table events_telemetry detach partition \(name) \(isPending ? "finalize" : "concurrently")")()
    }

    static func drop(_ name: String) -> BoundStatement {
        Statement.unprepared("retention_drop", "drop table \(name)")()
    }

    /// Its trigger went with the parent's.
    static func keep(_ name: String) -> [BoundStatement] {
        [
            Statement.unprepared(
                "retention_keep",
                """
                create or replace trigger events_append_only before update or delete on \(name)
                    for each row execute function refuse_to_change_history()
                """)(),
            Statement.unprepared(
                "retention_keep_always", "alter table \(name) enable always trigger events_append_only")(),
        ]
    }

    static let forget = Statement.unprepared("retention_forget", "delete from log_partitions where name = $1")
    static let finish = Statement.unprepared(
        "retention_finish",
        "update retained_ranges set finished_time = coalesce(finished_time, now()) where first_position = $1")

    // MARK: Events without a class

    private static let ofTelemetry =
        "class = 2 and (category, type) in (select * from unnest($1::text[], $2::text[]))"

    static func mixedCount(_ parameters: [PostgresValue]) -> BoundStatement {
        Statement.unprepared(
            "retention_mixed_count", "select count(*) from events where \(ofTelemetry) and position < $3"
        ).bind(parameters)
    }

    static func mixedExtent(_ parameters: [PostgresValue]) -> BoundStatement {
        Statement.unprepared(
            "retention_mixed_extent",
            "select min(position), max(position) from events where \(ofTelemetry) and position < $3"
        ).bind(parameters)
    }

    static func mixedStreams(_ parameters: [PostgresValue]) -> BoundStatement {
        Statement.unprepared(
            "retention_mixed_streams",
            """
            select stream, max(version), max(position) from events
            where \(ofTelemetry) and position < $3 and stream > $4 group by stream order by stream limit $5
            """
        ).bind(parameters)
    }

    static let becomeRetention = Statement.unprepared(
        "retention_become", "set local role fleetlog_retention", effect: .writes)
    static let becomeOwner = Statement.unprepared("retention_leave", "reset role", effect: .writes)

    /// Takes the events out, and leaves their number where the transaction finds it.
    static func deleteMixed(_ parameters: [PostgresValue]) -> BoundStatement {
        Statement.unprepared(
            "retention_delete_mixed",
            """
            with gone as (
                delete from events where \(ofTelemetry) and position >= $3 and position < $4 returning 1
            )
            select count(*), set_config('fleetlog.retained', count(*)::text, true) from gone
            """, effect: .writes
        ).bind(parameters)
    }

    static func noteDeleted(_ parameters: [PostgresValue]) -> BoundStatement {
        Statement.unprepared(
            "retention_note_deleted",
            """
            insert into retained_ranges (first_position, end_position, events, cutoff, finished_time)
            select $1, $2, current_setting('fleetlog.retained')::bigint, $3, now()
            where current_setting('fleetlog.retained')::bigint > 0
            on conflict (first_position) do update
            set end_position = greatest(retained_ranges.end_position, excluded.end_position),
                events = retained_ranges.events + excluded.events
            """, effect: .writes
        ).bind(parameters)
    }
}
