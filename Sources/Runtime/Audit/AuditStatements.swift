/// The statements of an audit. They are short and many, since a long one would keep Postgres from clearing the old rows
/// of the head, which every append updates.
enum AuditStatements {
    // Planned with its positions, as a page of the log is.
    static let positions = Statement.unprepared(
        "audit_positions",
        """
        select position, recorded_time from events where position > $1 and position <= $2 order by position limit $3
        """)

    static let streams = Statement(
        "audit_streams",
        ReadStatements.columns
            + " where (stream, version) > ($1, $2) and position <= $3 order by stream, version limit $4")

    static let range = Statement(
        "audit_range",
        ReadStatements.columns
            + " where (stream, version) > ($1, $2) and stream < $5 and position <= $3 order by stream, version limit $4"
    )

    /// From one stream to the next by the index. Each has an event that is no telemetry.
    static let names = Statement.unprepared(
        "audit_names",
        """
        with recursive name (stream, number) as (
            (select stream, 1 from events
            where class in (0, 2) and stream > $1 and stream < $2 order by stream limit 1)
            union all
            select (
                select e.stream from events e
                where e.class in (0, 2) and e.stream > name.stream and e.stream < $2 order by e.stream limit 1
            ), number + 1
            from name where stream is not null and number < $3
        )
        select stream from name where stream is not null order by number
        """)

    static let floorsOfRange = Statement(
        "audit_floors_of_range",
        "select stream, version, position from stream_floors where stream >= $1 and stream < $2")

    // Planned with its position, as a page of the log is.
    static let timeBehind = Statement.unprepared(
        "audit_time_behind", "select recorded_time from events where position > $1 order by position limit 1")

    static let ranges = Statement.unprepared(
        "audit_ranges",
        """
        select first_position, end_position, events, finished_time is not null from retained_ranges
        order by first_position
        """)

    static let hasFloors = Statement("audit_has_floors", "select to_regclass('stream_floors') is not null")

    static let floors = Statement(
        "audit_floors", "select stream, version from stream_floors where stream = any($1)")

    static let snapshots = Statement(
        "audit_snapshots",
        """
        select stream, version, state_version, uncompressed_size, data from snapshots s
        where stream = any($1) and (stream = any($2) or exists (
            select from stream_floors f where f.stream = s.stream and f.version = s.version))
        order by stream, version
        """)

    static let sample = Statement(
        "audit_sample",
        "select stream from (select distinct stream from snapshots) as s order by random() limit $1")

    /// Snapshots of a version that their stream does not have.
    static let strays = Statement(
        "audit_strays",
        """
        select s.stream, s.version from snapshots s
        where not exists (select from events e where e.stream = s.stream and e.version = s.version)
            and not exists (select from stream_floors f where f.stream = s.stream and f.version = s.version)
        order by s.stream, s.version limit $1
        """)
}
