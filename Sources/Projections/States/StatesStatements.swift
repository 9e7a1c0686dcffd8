import Aggregates
package import Runtime

extension StatesProjection {
    static let columns = "device, account, start, facts, runs"

    // One descent of the index for each hour, as in `TelemetryProjection`.
    private static let load = Statement(
        "load_states",
        """
        select s.*
        from unnest($2::text[], $3::timestamptz[], $4::text[]) as k (device, start, account)
        cross join lateral (
            select \(columns) from states s
            where s.generation = $1 and s.device = k.device and s.start = k.start and s.account = k.account
            limit 1
        ) s
        """)

    private static let page = Statement(
        "page_states",
        """
        select \(columns) from states
        where generation = $1 and (device, start, account) > ($2, $3, $4)
        order by device, start, account limit $5
        """)

    private static let store = Statement(
        "store_states",
        """
        insert into states (generation, device, start, account, facts, runs)
        select $1, * from unnest($2::text[], $3::timestamptz[], $4::text[], $5::bytea[], $6::json[])
        on conflict (generation, device, start, account) do update set facts = excluded.facts, runs = excluded.runs
        """)

    private static let digests = Statement(
        "digests_states",
        """
        select generation, count(*), sum(hashtextextended((to_jsonb(s) - 'generation')::text, 0))::text
        from states s where generation = any($1) group by generation
        """)

    private static let remove = Statement(
        "remove_states",
        """
        delete from states s
        using unnest($2::text[], $3::timestamptz[], $4::text[]) as k (device, start, account)
        where s.generation = $1 and s.device = k.device and s.start = k.start and s.account = k.account
        """)

    package static func load(_ ids: [String], generation: Int32) -> BoundStatement {
        load.bind(keys(ids, generation))
    }

    package static func remove(_ ids: [String], generation: Int32) -> BoundStatement {
        remove.bind(keys(ids, generation))
    }

    private static func keys(_ ids: [String], _ generation: Int32) -> [PostgresValue] {
        let keys = ids.compactMap { HourKey($0) }
        return [
            .int4(generation), .textArray(keys.map(\.device)), .timestampArray(keys.map(\.start)),
            .textArray(keys.map(\.account)),
        ]
    }

    package static func page(after id: String, limit: Int64, generation: Int32) -> BoundStatement {
        let key = HourKey(id) ?? .first
        return page(.int4(generation), .text(key.device), .timestamp(key.start), .text(key.account), .int8(limit))
    }

    package static func digests(of generations: [Int32]) -> BoundStatement { digests(.int4Array(generations)) }

    package static func decode(_ row: Runtime.Row) throws(PostgresError) -> StateHour {
        try StateHour(
            device: try row.text(0), account: try row.text(1), start: try row.timestamp(2), facts: try row.bytes(3),
            runs: try row.text(4))
    }

    package static func store(_ rows: [StateHour], generation: Int32) -> BoundStatement {
        store.bind([
            .int4(generation), .textArray(rows.map(\.device)), .timestampArray(rows.map(\.start)),
            .textArray(rows.map(\.account)), .bytesArray(rows.map(\.encodedFacts)),
            .jsonArray(rows.map { Array($0.runsText.utf8) }),
        ])
    }

    private static let copied = Statement.unprepared(
        "copy_states",
        "copy states (generation, device, start, account, facts, runs) from stdin (format binary)", effect: .writes)

    package static func copy(_ rows: [StateHour], generation: Int32) -> (statement: Statement, rows: CopyBuffer)? {
        var buffer = CopyBuffer(capacity: rows.count * 500)
        for row in rows {
            buffer.row(6)
            buffer.integer(generation)
            buffer.text(row.device)
            buffer.timestamp(row.start)
            buffer.text(row.account)
            buffer.bytea(row.encodedFacts)
            buffer.text(row.runsText)
        }
        return (copied, buffer)
    }
}

/// What an hour's id says.
private struct HourKey {
    var device: String
    var account: String
    var start: Timestamp

    /// Before all hours.
    static let first = HourKey(device: "", account: "", start: Timestamp(microseconds: 0))

    private init(device: String, account: String, start: Timestamp) {
        self.device = device
        self.account = account
        self.start = start
    }

    init?(_ id: String) {
        let parts = id.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3, let seconds = Int64(parts[2]) else { return nil }
        self.init(
            device: String(parts[0]), account: String(parts[1]),
            start: Timestamp(microseconds: seconds * 1_000_000))
    }
}
