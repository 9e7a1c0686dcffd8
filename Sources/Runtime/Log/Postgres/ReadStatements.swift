/// The statements that read the log; each returns the columns that ``RecordedEvent/init(_:)`` expects.
enum ReadStatements {
    static let columns = """
        select position, stream, version, id, type, schema_version, account, observed_time, recorded_time,
            principal, command_id, causation_id, correlation_id, trace_parent, data
        from events
        """

    static let stream = Statement(
        "read_stream", columns + " where stream = $1 and version >= $2 order by version limit $3")

    /// One descent of the index for each stream; the last column says which.
    static let tails = Statement(
        "read_tails",
        """
        select e.*, t.number
        from unnest($1::text[], $2::bigint[]) with ordinality as t(stream, version, number)
        cross join lateral (
            \(columns)
            where events.stream = t.stream and events.version > t.version order by events.version limit $3
        ) as e
        """)

    static let head = Statement("read_head", "select position, recorded_time from log_head")

    static let log = Statement(
        "read_log", columns + " where position > $1 order by position limit $2")

    static let category = Statement(
        "read_category", columns + " where category = $3 and position > $1 order by position limit $2")

    static let account = Statement(
        "read_account", columns + " where account = $3 and position > $1 order by position limit $2")

    static let accountCategory = Statement(
        "read_account_category",
        columns + " where account = $3 and category = $4 and position > $1 order by position limit $2")

    static let streamLog = Statement(
        "read_stream_log", columns + " where stream = $3 and position > $1 order by position limit $2")

    static let streamLogOfAccount = Statement(
        "read_stream_log_of_account",
        columns + " where stream = $3 and account = $4 and position > $1 order by position limit $2")

    /// The page of the log that a filter asks for.
    static func page(after position: Int64, where filter: LogFilter, limit: Int) -> BoundStatement {
        let start: [PostgresValue] = [.int8(position), .int8(Int64(limit))]
        switch (filter.stream, filter.category, filter.scope) {
        case (let stream?, _, .all): return streamLog.bind(start + [.text(stream.description)])
        case (let stream?, _, .only(let account)):
            return streamLogOfAccount.bind(start + [.text(stream.description), .text(account.rawValue)])
        case (nil, nil, .all): return log.bind(start)
        case (nil, let category?, .all): return self.category.bind(start + [.text(category)])
        case (nil, nil, .only(let account)): return self.account.bind(start + [.text(account.rawValue)])
        case (nil, let category?, .only(let account)):
            return accountCategory.bind(start + [.text(account.rawValue), .text(category)])
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
