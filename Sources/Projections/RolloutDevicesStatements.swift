import Aggregates
package import Runtime

extension RolloutDevicesProjection {
    static let columns = "rollout, device, place, state, attempt, reason, changed_time, version"

    // One descent of the index for each, as in `TelemetryProjection`.
    private static let load = Statement(
        "load_rollout_devices",
        """
        select d.* from unnest($2::text[], $3::text[]) as k (rollout, device)
        cross join lateral (
            select \(columns) from rollout_devices d
            where d.generation = $1 and d.rollout = k.rollout and d.device = k.device
            limit 1
        ) d
        """)

    private static let page = Statement(
        "page_rollout_devices",
        """
        select \(columns) from rollout_devices
        where generation = $1 and (rollout, device) > ($2, $3) order by rollout, device limit $4
        """)

    private static let store = Statement(
        "store_rollout_devices",
        """
        insert into rollout_devices (
            generation, rollout, device, place, state, attempt, reason, changed_time, version)
        select $1, * from unnest(
            $2::text[], $3::text[], $4::bigint[], $5::text[], $6::bigint[], $7::text[], $8::timestamptz[],
            $9::bigint[])
        on conflict (generation, rollout, device) do update set
            state = excluded.state, attempt = excluded.attempt, reason = excluded.reason,
            changed_time = excluded.changed_time, version = excluded.version
        """)

    private static let digests = Statement(
        "digests_rollout_devices",
        """
        select generation, count(*), sum(hashtextextended((to_jsonb(d) - 'generation')::text, 0))::text
        from rollout_devices d where generation = any($1) group by generation
        """)

    package static func load(_ ids: [String], generation: Int32) -> BoundStatement {
        let pairs = ids.map { $0.split(separator: "/", maxSplits: 1).map(String.init) }.filter { $0.count == 2 }
        return load(.int4(generation), .textArray(pairs.map { $0[0] }), .textArray(pairs.map { $0[1] }))
    }

    package static func page(after id: String, limit: Int64, generation: Int32) -> BoundStatement {
        let parts = id.split(separator: "/", maxSplits: 1).map(String.init)
        return page(
            .int4(generation), .text(parts.first ?? ""), .text(parts.dropFirst().first ?? ""), .int8(limit))
    }

    package static func digests(of generations: [Int32]) -> BoundStatement { digests(.int4Array(generations)) }

    package static func decode(_ row: Runtime.Row) throws(PostgresError) -> RolloutDeviceRow {
        guard let state = InstallationState(rawValue: try row.text(3)) else {
            throw .decoding(.init(column: 3, wanted: "a state of a device in a rollout", found: "another text"))
        }
        return RolloutDeviceRow(
            rollout: try row.text(0), device: try row.text(1), place: Int(try row.int8(2)), state: state,
            attempt: Int(try row.int8(4)), reason: try row.text(5), changedTime: try row.timestamp(6),
            version: try row.int8(7))
    }

    package static func store(_ rows: [RolloutDeviceRow], generation: Int32) -> BoundStatement {
        store.bind([
            .int4(generation), .textArray(rows.map(\.rollout)), .textArray(rows.map(\.device)),
            .int8Array(rows.map { Int64($0.place) }), .textArray(rows.map(\.state.rawValue)),
            .int8Array(rows.map { Int64($0.attempt) }), .textArray(rows.map(\.reason)),
            .timestampArray(rows.map(\.changedTime)), .int8Array(rows.map(\.version)),
        ])
    }
}
