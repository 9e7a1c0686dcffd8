/// The statements that read the log; each returns the columns that ``RecordedEvent/init(_:)`` expects.
///
/// They name the positions that they are about, and are planned with them: a plan for any positions would name, lock and
/// open every partition of the log.
enum ReadStatements {
    static let columns = """
        select position, stream, version, id, type, schema_version, account, observed_time, recorded_time,
            principal, command_id, causation_id, correlation_id, trace_parent, data
        from events
        """

    static let head = Statement("read_head", "select position, recorded_time from log_head")

    /// What the partitions have an index over.
    static let byPeople = "principal like 'user:%'"

    /// Without the partitions of telemetry.
    static let withoutTelemetry = " and class in (0, 2)"

    /// Leaves the planner only the index (stream, version) until the transaction ends: by any other way it would have to
    /// sort. Of a partition that has no statistics yet it believes that no stream has much in it, and would for each page
    /// read and sort all that follows in the stream.
    private static let withoutSorting = "set_config('enable_sort', 'off', true)"

    private static let withoutSortingAlone = Statement("read_without_sorting", "select \(withoutSorting)")

    private static let headWithoutSorting = Statement(
        "read_head_without_sorting", "select position, recorded_time, \(withoutSorting) from log_head")

    /// The head, then a page of the stream.
    static func stream(
        _ stream: StreamName, from version: Int64, in window: ReadWindow, limit: Int, telemetry: Bool
    ) -> [BoundStatement] {
        let page = Statement.unprepared(
            "read_stream",
            columns + " where stream = $1 and version >= $2 and position > $3 and position <= $4"
                + (telemetry ? "" : withoutTelemetry) + " order by version limit $5"
        )(.text(stream.description), .int8(version), .int8(window.start), .int8(window.end), .int8(Int64(limit)))
        return [headWithoutSorting(), page]
    }

    /// The head, and last the events of these versions that are in the window, in any order.
    static func stretch(
        _ stream: StreamName, versions: Range<Int64>, in window: ReadWindow, telemetry: Bool
    ) -> [BoundStatement] {
        let stretch = Statement.unprepared(
            "read_stretch",
            columns + " where stream = $1 and version >= $2 and version < $3 and position > $4 and position <= $5"
                + (telemetry ? "" : withoutTelemetry)
        )(
            .text(stream.description), .int8(versions.lowerBound), .int8(versions.upperBound), .int8(window.start),
            .int8(window.end))
        return [head(), Statement.readPagesAtOnce(), stretch]
    }

    static let floor = Statement("read_floor", "select version, position from stream_floors where stream = $1")

    /// The streams of which something behind the place has left the log.
    static let floors = Statement(
        "read_floors",
        """
        select t.number, f.version
        from unnest($1::text[], $2::bigint[]) with ordinality as t(stream, version, number)
        join stream_floors f on f.stream = t.stream and f.version > t.version
        """)

    /// Nothing, then the tails of each group.
    static func tails(
        of groups: [[StreamPlace]], limit: Int, telemetry: ([StreamPlace]) -> Bool
    ) -> [BoundStatement] {
        [withoutSortingAlone()] + groups.map { tails($0, limit: limit, telemetry: telemetry($0)) }
    }

    /// One descent of the index for each stream and partition; the last column says which stream.
    private static func tails(_ tails: [StreamPlace], limit: Int, telemetry: Bool) -> BoundStatement {
        Statement.unprepared(
            "read_tails",
            """
            select e.*, t.number
            from unnest($1::text[], $2::bigint[], $3::bigint[]) with ordinality as t(stream, version, position, number)
            cross join lateral (
                \(columns)
                where events.stream = t.stream and events.version > t.version and events.position > t.position
                    and events.position > $4\(telemetry ? "" : withoutTelemetry)
                order by events.version limit $5
            ) as e
            """
        )(
            .textArray(tails.map(\.stream.description)), .int8Array(tails.map(\.version)),
            .int8Array(tails.map(\.position)), .int8(tails.map(\.position).min() ?? 0), .int8(Int64(limit)))
    }

    /// Nothing, then version and position of the stream's last event at the position or before it; none if there is none in
    /// the position's window.
    ///
    /// Positions grow along a stream, so it is found by halving: one descent of the index each, in the partitions of the
    /// window alone. These are told by the first position in it: one behind the last before it might lie in that one's
    /// partition, for all that Postgres knows.
    static func place(of stream: StreamName, at position: Int64) -> [BoundStatement] {
        let window = ReadWindow(around: position)
        let place = Statement.unprepared(
            "read_place",
            """
            with recursive halving (low, high, place) as (
                select 0::bigint, coalesce((
                    select version from events where stream = $1 and position >= $3 and position <= $4
                    order by version desc limit 1), 0), 0::bigint
                union all
                select
                    case when e.position <= $2 then e.version else h.low end,
                    case when e.position <= $2 then h.high else h.middle - 1 end,
                    case when e.position <= $2 then e.position else h.place end
                from (select *, low + (high - low + 1) / 2 as middle from halving where low < high) h
                cross join lateral (
                    select version, position from events
                    where stream = $1 and version >= h.middle and position >= $3 and position <= $4
                    order by version limit 1) e
            )
            select low, place from halving where low = high and low > 0
            """
        )(.text(stream.description), .int8(position), .int8(window.start + 1), .int8(window.end))
        return [withoutSortingAlone(), place]
    }

    private static let bounds = Statement(
        "set_read_bounds",
        """
        select set_config('fleetlog.after', $1, false), set_config('fleetlog.through', $2, false),
            set_config('fleetlog.category', $3, false)
        """)

    private static let withinBounds = """
         position > current_setting('fleetlog.after')::bigint
            and position <= current_setting('fleetlog.through')::bigint order by position
        """

    /// What lies within the connection's bounds, since a COPY takes no parameters.
    static let logByCopy = Statement.unprepared(
        "copy_log", "copy (\(columns) where\(withinBounds)) to stdout (format binary)", effect: .reads)

    static let categoryByCopy = Statement.unprepared(
        "copy_category",
        "copy (\(columns) where category = current_setting('fleetlog.category') and\(withinBounds)) "
            + "to stdout (format binary)",
        effect: .reads)

    /// Sets the bounds of a copy on the same connection; they hold until others are set.
    static func bounds(after start: Int64, through end: Int64, category: String?) -> BoundStatement {
        bounds(.text(String(start)), .text(String(end)), .text(category ?? ""))
    }

    /// Every condition that may be asked for; one whose parameter is null is not. They fold away when the statement is
    /// planned, which it is with its values: a prepared one for each combination would be planned for any.
    private static let log = Statement.unprepared(
        "read_log",
        columns
            + """
             where position > $1 and position <= $2
                and ($4::text is null or stream = $4)
                and ($5::text is null or category = $5)
                and ($6::text is null or type = $6)
                and ($7::text is null or account = $7)
                and ($8::uuid is null or correlation_id = $8)
                and ($9::text is null or principal = $9)
                and (not $10::boolean or \(byPeople))
                and ($11::boolean or class in (0, 2))
            order by position limit $3
            """)

    /// The events of the window that pass the filter, the first of them up to the limit.
    static func log(
        in window: ReadWindow, where filter: LogFilter, limit: Int, telemetry: Bool
    ) -> BoundStatement {
        // Without this Postgres does not know that the index over what people did holds the answer.
        let isByPeople = if case .user? = filter.principal { true } else { false }
        return log(
            .int8(window.start), .int8(window.end), .int8(Int64(limit)),
            filter.stream.map { .text($0.description) } ?? .null, filter.category.map { .text($0) } ?? .null,
            filter.type.map { .text($0) } ?? .null, filter.scope.parameter,
            filter.correlationID.map { .uuid($0) } ?? .null, filter.principal.map { .text($0.description) } ?? .null,
            .bool(isByPeople), .bool(telemetry))
    }
}

extension AccountScope {
    /// The account; null for all.
    package var parameter: PostgresValue {
        switch self {
        case .all: .null
        case .only(let account): .text(account.rawValue)
        }
    }
}

extension RecordedEvent {
    static let columnCount = 15

    /// Reads a row of ``ReadStatements``.
    init(_ row: Row) throws(PostgresError) {
        let name = try row.text(1)
        guard let stream = StreamName(name) else {
            throw .decoding(.init(column: 1, wanted: "a stream name", found: name))
        }
        let who = try row.text(9)
        guard let principal = Principal(who) else {
            throw .decoding(.init(column: 9, wanted: "a principal", found: who))
        }
        self.init(
            position: try row.int8(0), stream: stream, version: try row.int8(2), recordedTime: try row.timestamp(8),
            event: NewEvent(
                id: try row.uuid(3), type: try row.text(4), schemaVersion: try row.int4(5),
                observedTime: try row.timestamp(7), data: try row.bytes(14),
                metadata: EventMetadata(
                    principal: principal, account: AccountID(try row.text(6)), commandID: try row.uuid(10),
                    causationID: try row.uuid(ifPresent: 11), correlationID: try row.uuid(ifPresent: 12),
                    traceParent: try row.text(ifPresent: 13))))
    }
}
