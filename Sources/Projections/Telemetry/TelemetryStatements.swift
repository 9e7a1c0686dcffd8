import Aggregates
package import Runtime

extension TelemetryProjection {
    /// Of a row `w`.
    package static let columns = """
        w.device, w.account, w.metric, w.length, w.start, w.count, w.minimum, w.maximum, w.last, w.last_time, w.sum::text,
        w.squares::text, w.unsummed, \(minutes)
        """
    /// What ``storedMinutes(_:from:of:)`` reads.
    static let minutes = "w.minutes, w.provisional::json, \(EarlierMinutes.column)"

    // One descent of the index for each hour: joined as a whole, a plan that expects many of them reads all hours.
    private static let load = Statement(
        "load_telemetry",
        """
        select w.*
        from unnest($2::text[], $3::text[], $4::int4[], $5::timestamptz[], $6::text[])
            as k (device, metric, length, start, account)
        cross join lateral (
            select \(columns) from telemetry_windows w
            where w.generation = $1 and w.device = k.device and w.metric = k.metric and w.length = k.length
                and w.start = k.start and w.account = k.account and w.length = 3600
            limit 1
        ) w
        """)

    private static let page = Statement(
        "page_telemetry",
        """
        select \(columns) from telemetry_windows w
        where generation = $1 and (device, metric, length, start, account) > ($2, $3, $4, $5, $6) and length = 3600
        order by device, metric, length, start, account limit $7
        """)

    private static let store = Statement(
        "store_telemetry",
        """
        insert into telemetry_windows (
            generation, device, metric, length, start, account, count, minimum, maximum, last, last_time, sum, squares,
            unsummed, minutes, provisional)
        select $1, * from unnest(
            $2::text[], $3::text[], $4::int4[], $5::timestamptz[], $6::text[], $7::int8[], $8::float8[], $9::float8[],
            $10::float8[], $11::timestamptz[], $12::text[]::numeric[], $13::text[]::numeric[], $14::int8[],
            $15::bytea[], $16::text[]::jsonb[])
        on conflict (generation, device, metric, length, start, account) do update set
            count = excluded.count, minimum = excluded.minimum, maximum = excluded.maximum, last = excluded.last,
            last_time = excluded.last_time, sum = excluded.sum, squares = excluded.squares,
            unsummed = excluded.unsummed, minutes = excluded.minutes, provisional = excluded.provisional
        """)

    // Hashed as a record in a twelfth of the time that its JSON would take: there are millions of rows. A record's hash is
    // linear in its columns', so the sum of many would not tell which row has which value; as the seed of another it is not.
    // Postgres has not counted the rows of a generation that was just made; asked for none that it knows of, it reads the
    // whole table with several processes, instead of one row after the other by the index.
    private static let digests = Statement(
        "digests_telemetry",
        """
        select generation, count(*), sum(hashtextextended(device, hash_record_extended(row(
            metric, length, start, account, count, minimum, maximum, last, last_time, sum, squares, unsummed, minutes,
            provisional
        ), 0)))::text
        from telemetry_windows where generation + 0 = any($1) group by generation
        """)

    private static let remove = Statement(
        "remove_telemetry",
        """
        delete from telemetry_windows w
        using unnest($2::text[], $3::text[], $4::int4[], $5::timestamptz[], $6::text[])
            as k (device, metric, length, start, account)
        where w.generation = $1 and w.device = k.device and w.metric = k.metric and w.length = k.length
            and w.start = k.start and w.account = k.account
        """)

    package static func load(_ ids: [String], generation: Int32) -> BoundStatement {
        load.bind(keys(ids, generation))
    }

    package static func remove(_ ids: [String], generation: Int32) -> BoundStatement {
        remove.bind(keys(ids, generation))
    }

    private static func keys(_ ids: [String], _ generation: Int32) -> [PostgresValue] {
        let keys = ids.compactMap { WindowKey($0) }
        return [
            .int4(generation), .textArray(keys.map(\.device)), .textArray(keys.map(\.metric)),
            .int4Array(keys.map(\.length)), .timestampArray(keys.map(\.start)), .textArray(keys.map(\.account)),
        ]
    }

    package static func page(after id: String, limit: Int64, generation: Int32) -> BoundStatement {
        let key = WindowKey(id) ?? .first
        return page(
            .int4(generation), .text(key.device), .text(key.metric), .int4(key.length), .timestamp(key.start),
            .text(key.account), .int8(limit))
    }

    package static func digests(of generations: [Int32]) -> BoundStatement { digests(.int4Array(generations)) }

    package static func decode(_ row: Runtime.Row) throws(PostgresError) -> TelemetryHour {
        guard try row.int4(3) == WindowLength.hour.rawValue else {
            throw .decoding(.init(column: 3, wanted: "the length of an hour", found: "another number"))
        }
        let start = try row.timestamp(4)
        let (minutes, provisional) = try storedMinutes(row, from: 13, of: start)
        return TelemetryHour(
            device: try row.text(0), account: try row.text(1), metric: try row.text(2), start: start,
            summary: try WindowSummary(row, from: 5), minutes: minutes, provisional: provisional)
    }

    /// Three columns from one on: those that are here to stay, those that are not, and those of the first definition.
    static func storedMinutes(
        _ row: Runtime.Row, from first: Int, of hour: Timestamp
    ) throws(PostgresError) -> (settled: PackedMinutes, provisional: [ProvisionalNumber]) {
        guard let bytes = try row.bytes(ifPresent: first) else {
            guard let json = try row.bytes(ifPresent: first + 2) else { return (PackedMinutes(), []) }
            let earlier: EarlierMinutes = try ViewJSON.decode(json)
            return (earlier.packed(of: hour), earlier.provisional)
        }
        guard let minutes = PackedMinutes(bytes, of: hour) else {
            throw .decoding(.init(column: first, wanted: "the minutes of an hour", found: "other bytes"))
        }
        guard let json = try row.bytes(ifPresent: first + 1) else { return (minutes, []) }
        return (minutes, try ViewJSON.decode(json))
    }

    package static func store(_ rows: [TelemetryHour], generation: Int32) -> BoundStatement {
        store.bind([
            .int4(generation), .textArray(rows.map(\.device)), .textArray(rows.map(\.metric)),
            .int4Array(rows.map { _ in WindowLength.hour.rawValue }), .timestampArray(rows.map(\.start)),
            .textArray(rows.map(\.account)), .int8Array(rows.map(\.summary.count)),
            .float8Array(rows.map(\.summary.minimum)), .float8Array(rows.map(\.summary.maximum)),
            .float8Array(rows.map(\.summary.last)), .timestampArray(rows.map(\.summary.lastTime)),
            .textArray(rows.map { String($0.summary.sum) }), .textArray(rows.map { String($0.summary.squares) }),
            .int8Array(rows.map(\.summary.unsummed)), .bytesArray(rows.map(\.minutes.bytes)),
            .nullableTextArray(rows.map(\.provisionalText)),
        ])
    }
}

extension TelemetryHour {
    fileprivate var provisionalText: String? { provisional.isEmpty ? nil : ViewJSON.encode(provisional) }
}

extension TelemetryProjection {
    /// More than its share, at two kilobytes with its minutes: fewer could not hold the hours that a fleet of 100,000 devices
    /// with a few metrics fills at once, and each would be read and stored anew with each reading.
    package static var rowsPerUnit: Int { 3 }

    private static let copied = Statement.unprepared(
        "copy_telemetry",
        """
        copy telemetry_windows (
            generation, device, metric, length, start, account, count, minimum, maximum, last, last_time, sum, squares,
            unsummed, minutes, provisional)
        from stdin (format binary)
        """, effect: .writes)

    package static func copy(
        _ rows: [TelemetryHour], generation: Int32
    ) -> (statement: Statement, rows: CopyBuffer)? {
        var buffer = CopyBuffer(capacity: rows.reduce(0) { $0 + $1.minutes.bytes.count + 220 })
        for row in rows {
            buffer.row(16)
            buffer.integer(generation)
            buffer.text(row.device)
            buffer.text(row.metric)
            buffer.integer(WindowLength.hour.rawValue)
            buffer.timestamp(row.start)
            buffer.text(row.account)
            buffer.integer(row.summary.count)
            buffer.float8(row.summary.minimum)
            buffer.float8(row.summary.maximum)
            buffer.float8(row.summary.last)
            buffer.timestamp(row.summary.lastTime)
            buffer.numeric(row.summary.sum)
            buffer.numeric(row.summary.squares)
            buffer.integer(row.summary.unsummed)
            buffer.bytea(row.minutes.bytes)
            buffer.json(row.provisionalText)
        }
        return (copied, buffer)
    }
}

/// What a window's id says.
private struct WindowKey {
    var device: String
    var account: String
    var length: Int32
    var start: Timestamp
    var metric: String

    /// Before all windows.
    static let first = WindowKey(
        device: "", account: "", length: 0, start: Timestamp(microseconds: 0), metric: "")

    private init(device: String, account: String, length: Int32, start: Timestamp, metric: String) {
        self.device = device
        self.account = account
        self.length = length
        self.start = start
        self.metric = metric
    }

    init?(_ id: String) {
        let parts = id.split(separator: "/", maxSplits: 4, omittingEmptySubsequences: false)
        guard parts.count == 5, let length = Int32(parts[2]), let seconds = Int64(parts[3]) else { return nil }
        self.init(
            device: String(parts[0]), account: String(parts[1]), length: length,
            start: Timestamp(microseconds: seconds * 1_000_000), metric: String(parts[4]))
    }
}

extension WindowSummary {
    /// Eight columns from one on: count, least, greatest, last and its time, sum, squares, unsummed.
    init(_ row: Runtime.Row, from first: Int) throws(PostgresError) {
        // Sums of squares of several windows may be beyond what one window holds.
        self.init(
            count: try row.int8(first), minimum: try row.float8(first + 1), maximum: try row.float8(first + 2),
            last: try row.float8(first + 3), lastTime: try row.timestamp(first + 4),
            sum: Int128(try row.text(first + 5)) ?? 0, squares: Int128(try row.text(first + 6)) ?? .max,
            unsummed: try row.int8(first + 7))
    }
}
