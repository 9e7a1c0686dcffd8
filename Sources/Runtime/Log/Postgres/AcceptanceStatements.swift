/// The statements over `accepted_commands`.
enum AcceptanceStatements {
    /// Follows the events of its batch, so that the position of a command's last event can be found; of
    /// one that has left the log, at the stream's floor.
    private static let insert = Statement(
        "insert acceptances",
        """
        insert into accepted_commands (command_id, stream, version, position, fingerprint, recorded_time)
        select
            c.command_id, c.stream, c.version,
            coalesce(
                (select e.position from events e where e.stream = c.stream and e.version = c.version),
                (select f.position from stream_floors f where f.stream = c.stream and f.version = c.version), 0),
            c.fingerprint, head.recorded_time
        from unnest($1::int[], $2::uuid[], $3::text[], $4::bigint[], $5::uuid[])
            as c(append, command_id, stream, version, fingerprint)
        cross join log_head as head
        where fleetlog_accepted(c.append)
        """)

    static let select = Statement(
        "select acceptances",
        "select command_id, stream, version, position, fingerprint from accepted_commands where command_id = any($1)")

    /// At most `$2` rows that are older than `$1` seconds, the oldest first.
    static let purge = Statement(
        "purge acceptances",
        """
        delete from accepted_commands
        where ctid = any(array(
            select ctid from accepted_commands
            where recorded_time < clock_timestamp() - make_interval(secs => $1)
            order by recorded_time limit $2))
        """)

    /// Nil if no append of the batch has a command to remember, which is the rule.
    static func insertion(of appends: [Append]) -> BoundStatement? {
        if appends.allSatisfy({ $0.acceptances.isEmpty }) { return nil }
        let rows = appends.enumerated().flatMap { index, append in
            append.acceptances.map { (append: Int32(index), acceptance: $0) }
        }
        return insert(
            .int4Array(rows.map(\.append)), .uuidArray(rows.map(\.acceptance.command)),
            .textArray(rows.map(\.acceptance.stream.description)), .int8Array(rows.map(\.acceptance.version)),
            .uuidArray(rows.map(\.acceptance.fingerprint)))
    }
}

extension RecordedAcceptance {
    /// Reads a row of ``AcceptanceStatements/select``.
    init(_ row: Row) throws(PostgresError) {
        let name = try row.text(1)
        guard let stream = StreamName(name) else {
            throw .decoding(.init(column: 1, wanted: "a stream name", found: name))
        }
        self.init(
            Acceptance(
                of: try row.uuid(0), by: stream, version: try row.int8(2), fingerprint: try row.uuid(4)),
            position: try row.int8(3))
    }
}
