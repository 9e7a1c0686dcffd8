import Aggregates
package import Runtime

/// The view `alerts`: what is wrong with which device, who has seen to it, and when it was over.
package enum AlertsProjection: Projection {
    package static let name = "alerts"
    package static let category = Alert.category

    package static func evolve(_ row: inout AlertRow?, with event: RecordedEvent) throws(EventCodecError) {
        let fact = try Alert.codec.decode(event)
        if case .raised(let raised) = fact {
            row = AlertRow(
                id: event.stream.id, account: raised.account, device: raised.device, kind: raised.kind,
                severity: raised.severity, title: raised.title, text: raised.text, state: .open,
                raisedTime: event.recordedTime, version: event.version)
            return
        }
        guard var changed = row, event.version > changed.version else { return }
        changed.version = event.version
        switch fact {
        case .raised: break
        case .acknowledged(let acknowledged):
            changed.state = .acknowledged
            changed.acknowledgedTime = event.recordedTime
            changed.acknowledgedBy = event.metadata.principal
            changed.note = acknowledged.note
        case .cleared(let cleared):
            changed.state = .cleared
            changed.clearedTime = event.recordedTime
            changed.reason = cleared.reason
        }
        row = changed
    }

    package static func id(of row: AlertRow) -> String { row.id }
}

extension AlertsProjection {
    static let columns = """
        id, account, device, kind, severity, title, text, state, raised_time, acknowledged_time, acknowledged_by, note,
        cleared_time, reason, version
        """

    private static let load = Statement(
        "load_alerts", "select \(columns) from alerts where generation = $1 and id = any($2)")

    private static let page = Statement(
        "page_alerts",
        """
        select \(columns) from alerts where generation = $1 and id > $2 order by id limit $3
        """)

    private static let store = Statement(
        "store_alerts",
        """
        insert into alerts (
            generation, id, account, device, kind, severity, title, text, state, raised_time, acknowledged_time,
            acknowledged_by, note, cleared_time, reason, version)
        select $1, * from unnest(
            $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
            $10::timestamptz[], $11::timestamptz[], $12::text[], $13::text[], $14::timestamptz[], $15::text[],
            $16::bigint[])
        on conflict (generation, id) do update set
            account = excluded.account, device = excluded.device, kind = excluded.kind, severity = excluded.severity,
            title = excluded.title, text = excluded.text, state = excluded.state, raised_time = excluded.raised_time,
            acknowledged_time = excluded.acknowledged_time, acknowledged_by = excluded.acknowledged_by,
            note = excluded.note, cleared_time = excluded.cleared_time, reason = excluded.reason,
            version = excluded.version
        """)

    private static let digests = Statement(
        "digests_alerts",
        """
        select generation, count(*), sum(hashtextextended((to_jsonb(a) - 'generation')::text, 0))::text
        from alerts a where generation = any($1) group by generation
        """)

    package static func load(_ ids: [String], generation: Int32) -> BoundStatement {
        load(.int4(generation), .textArray(ids))
    }

    package static func page(after id: String, limit: Int64, generation: Int32) -> BoundStatement {
        page(.int4(generation), .text(id), .int8(limit))
    }

    package static func digests(of generations: [Int32]) -> BoundStatement { digests(.int4Array(generations)) }

    package static func decode(_ row: Runtime.Row) throws(PostgresError) -> AlertRow {
        guard let severity = Severity(rawValue: try row.text(4)) else {
            throw .decoding(.init(column: 4, wanted: "a severity", found: "another text"))
        }
        guard let state = Alert.Status(rawValue: try row.text(7)) else {
            throw .decoding(.init(column: 7, wanted: "an alert state", found: "another text"))
        }
        return AlertRow(
            id: try row.text(0), account: AccountID(try row.text(1)), device: try row.text(2), kind: try row.text(3),
            severity: severity, title: try row.text(5), text: try row.text(6), state: state,
            raisedTime: try row.timestamp(8), acknowledgedTime: try row.timestamp(ifPresent: 9),
            acknowledgedBy: try row.text(ifPresent: 10).flatMap { Principal($0) }, note: try row.text(ifPresent: 11),
            clearedTime: try row.timestamp(ifPresent: 12), reason: try row.text(ifPresent: 13),
            version: try row.int8(14))
    }

    package static func store(_ rows: [AlertRow], generation: Int32) -> BoundStatement {
        store.bind([
            .int4(generation), .textArray(rows.map(\.id)), .textArray(rows.map(\.account.rawValue)),
            .textArray(rows.map(\.device)), .textArray(rows.map(\.kind)), .textArray(rows.map(\.severity.rawValue)),
            .textArray(rows.map(\.title)), .textArray(rows.map(\.text)), .textArray(rows.map(\.state.rawValue)),
            .timestampArray(rows.map(\.raisedTime)), .nullableTimestampArray(rows.map(\.acknowledgedTime)),
            .nullableTextArray(rows.map(\.acknowledgedBy?.description)), .nullableTextArray(rows.map(\.note)),
            .nullableTimestampArray(rows.map(\.clearedTime)), .nullableTextArray(rows.map(\.reason)),
            .int8Array(rows.map(\.version)),
        ])
    }
}
