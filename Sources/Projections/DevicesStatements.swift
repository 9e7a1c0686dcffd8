import Aggregates
package import Runtime

extension DevicesProjection {
    static let columns = """
        id, account, serial, type, name, labels::json, state, registered_time, last_seen_time, last_observed_time,
        readings::json, telemetry_count, refused_count, version, location::json, metadata::json, quarantine::json,
        flagged_count, flagged::json, connectivity::json, claim, clock::json,
        duplicate_count, late_count, most_late, most_ahead, unsettled::json
        """
    static let columnCount = 27

    private static let load = Statement(
        "load_devices", "select \(columns) from devices where generation = $1 and id = any($2)")

    private static let page = Statement(
        "page_devices",
        """
        select \(columns) from devices where generation = $1 and id > $2 order by id limit $3
        """)

    private static let store = Statement(
        "store_devices",
        """
        insert into devices (
            generation, id, account, serial, type, name, labels, state, registered_time, last_seen_time,
            last_observed_time, readings, telemetry_count, refused_count, version, location, metadata, quarantine,
            flagged_count, flagged, connectivity, claim, clock, clock_drift, duplicate_count,
            late_count, most_late, most_ahead, unsettled)
        select $1, * from unnest(
            $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[]::jsonb[], $8::text[], $9::timestamptz[],
            $10::timestamptz[], $11::timestamptz[], $12::text[]::jsonb[], $13::bigint[], $14::bigint[], $15::bigint[],
            $16::text[]::jsonb[], $17::text[]::jsonb[], $18::text[]::jsonb[], $19::bigint[], $20::text[]::jsonb[],
            $21::text[]::jsonb[], $22::text[], $23::text[]::jsonb[], $24::bigint[],
            $25::bigint[], $26::bigint[], $27::bigint[], $28::bigint[], $29::text[]::jsonb[])
        on conflict (generation, id) do update set
            account = excluded.account, serial = excluded.serial, type = excluded.type, name = excluded.name,
            labels = excluded.labels, state = excluded.state, registered_time = excluded.registered_time,
            last_seen_time = excluded.last_seen_time, last_observed_time = excluded.last_observed_time,
            readings = excluded.readings, telemetry_count = excluded.telemetry_count,
            refused_count = excluded.refused_count, version = excluded.version, location = excluded.location,
            metadata = excluded.metadata, quarantine = excluded.quarantine,
            flagged_count = excluded.flagged_count, flagged = excluded.flagged,
            connectivity = excluded.connectivity, claim = excluded.claim, clock = excluded.clock, clock_drift = excluded.clock_drift,
            duplicate_count = excluded.duplicate_count, late_count = excluded.late_count,
            most_late = excluded.most_late, most_ahead = excluded.most_ahead, unsettled = excluded.unsettled
        """)

    private static let digests = Statement(
        "digests_devices",
        """
        select generation, count(*), sum(hashtextextended((to_jsonb(d) - 'generation')::text, 0))::text
        from devices d where generation = any($1) group by generation
        """)

    package static func load(_ ids: [String], generation: Int32) -> BoundStatement {
        load(.int4(generation), .textArray(ids))
    }

    package static func page(after id: String, limit: Int64, generation: Int32) -> BoundStatement {
        page(.int4(generation), .text(id), .int8(limit))
    }

    package static func digests(of generations: [Int32]) -> BoundStatement { digests(.int4Array(generations)) }

    package static func decode(_ row: Runtime.Row) throws(PostgresError) -> DeviceRow {
        guard let state = Device.Status(rawValue: try row.text(6)) else {
            throw .decoding(.init(column: 6, wanted: "a device state", found: "another text"))
        }
        var readingOrder: ReadingOrder?
        if let late = try row.int8(ifPresent: 24), let ahead = try row.int8(ifPresent: 25) {
            readingOrder = ReadingOrder(late: late, ahead: ahead)
        }
        return DeviceRow(
            id: try row.text(0), account: AccountID(try row.text(1)), serial: try row.text(2),
            type: DeviceType(try row.text(3)), name: try row.text(4),
            labels: try DeviceColumns.labels(try row.bytes(5)),
            location: try row.bytes(ifPresent: 14).map { (bytes) throws(PostgresError) in try ViewJSON.decode(bytes) },
            metadata: try DeviceColumns.metadata(try row.bytes(15)), state: state,
            quarantine: try row.bytes(ifPresent: 16).map { (bytes) throws(PostgresError) in
                try ViewJSON.decode(bytes)
            }, registeredTime: try row.timestamp(7), lastSeenTime: try row.timestamp(ifPresent: 8),
            lastObservedTime: try row.timestamp(ifPresent: 9), readings: try DeviceColumns.readings(try row.bytes(10)),
            telemetryCount: try row.int8(11), duplicateCount: try row.int8(22), refusedCount: try row.int8(12),
            flaggedCount: try row.int8(17), lateCount: try row.int8(23), readingOrder: readingOrder,
            latestFlagged: try row.bytes(ifPresent: 18).map { (bytes) throws(PostgresError) in
                try ViewJSON.decode(bytes)
            },
            unsettled: try row.bytes(ifPresent: 26).map { (bytes) throws(PostgresError) in
                try ViewJSON.decode(bytes)
            }, clock: try DeviceColumns.clock(try row.bytes(21)),
            connectivity: try DeviceColumns.connectivity(try row.bytes(19)),
            claim: try row.text(ifPresent: 20),
            version: try row.int8(13))
    }

    package static func store(_ rows: [DeviceRow], generation: Int32) -> BoundStatement {
        store.bind([
            .int4(generation), .textArray(rows.map(\.id)), .textArray(rows.map(\.account.rawValue)),
            .textArray(rows.map(\.serial)), .textArray(rows.map(\.type.rawValue)), .textArray(rows.map(\.name)),
            .textArray(rows.map { ViewJSON.encode($0.labels) }), .textArray(rows.map(\.state.rawValue)),
            .timestampArray(rows.map(\.registeredTime)), .nullableTimestampArray(rows.map(\.lastSeenTime)),
            .nullableTimestampArray(rows.map(\.lastObservedTime)),
            .textArray(rows.map { ViewJSON.encode($0.readings) }),
            .int8Array(rows.map(\.telemetryCount)), .int8Array(rows.map(\.refusedCount)),
            .int8Array(rows.map(\.version)), .nullableTextArray(rows.map { $0.location.map { ViewJSON.encode($0) } }),
            .textArray(rows.map { ViewJSON.encode($0.metadata) }),
            .nullableTextArray(rows.map { $0.quarantine.map { ViewJSON.encode($0) } }),
            .int8Array(rows.map(\.flaggedCount)),
            .nullableTextArray(rows.map { $0.latestFlagged.map { ViewJSON.encode($0) } }),
            .textArray(rows.map { ViewJSON.encode($0.connectivity) }),
            .nullableTextArray(rows.map(\.claim)), .textArray(rows.map { $0.clock.json }),
            .nullableInt8Array(rows.map(\.clock.drift)), .int8Array(rows.map(\.duplicateCount)),
            .int8Array(rows.map(\.lateCount)), .nullableInt8Array(rows.map(\.readingOrder?.late)),
            .nullableInt8Array(rows.map(\.readingOrder?.ahead)),
            .nullableTextArray(rows.map { $0.unsettled.map { ViewJSON.encode($0) } }),
        ])
    }
}

extension DeviceClock {
    /// By hand, since each reading changes it and Foundation takes longer for it than the fold does.
    fileprivate var json: String { "[" + packed.map { $0.map(String.init) ?? "null" }.joined(separator: ",") + "]" }
}
