import Aggregates
package import Runtime

extension RolloutsProjection {
    static let columns = """
        id, account, firmware_version, artifact_url, artifact_sha256, group_size, success_threshold, error_threshold,
        attempts, device_timeout, state, reason, counts::json, opened_groups, created_time, changed_time, version
        """

    private static let load = Statement(
        "load_rollouts", "select \(columns) from rollouts where generation = $1 and id = any($2)")

    private static let page = Statement(
        "page_rollouts",
        """
        select \(columns) from rollouts where generation = $1 and id > $2 order by id limit $3
        """)

    private static let store = Statement(
        "store_rollouts",
        """
        insert into rollouts (
            generation, id, account, firmware_version, artifact_url, artifact_sha256, group_size, success_threshold,
            error_threshold, attempts, device_timeout, state, reason, counts, opened_groups, created_time,
            changed_time, version)
        select $1, * from unnest(
            $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[], $9::bigint[],
            $10::bigint[], $11::bigint[], $12::text[], $13::text[], $14::text[]::jsonb[], $15::bigint[],
            $16::timestamptz[], $17::timestamptz[], $18::bigint[])
        on conflict (generation, id) do update set
            state = excluded.state, reason = excluded.reason, counts = excluded.counts,
            opened_groups = excluded.opened_groups, changed_time = excluded.changed_time, version = excluded.version
        """)

    private static let digests = Statement(
        "digests_rollouts",
        """
        select generation, count(*), sum(hashtextextended((to_jsonb(r) - 'generation')::text, 0))::text
        from rollouts r where generation = any($1) group by generation
        """)

    package static func load(_ ids: [String], generation: Int32) -> BoundStatement {
        load(.int4(generation), .textArray(ids))
    }

    package static func page(after id: String, limit: Int64, generation: Int32) -> BoundStatement {
        page(.int4(generation), .text(id), .int8(limit))
    }

    package static func digests(of generations: [Int32]) -> BoundStatement { digests(.int4Array(generations)) }

    package static func decode(_ row: Runtime.Row) throws(PostgresError) -> RolloutRow {
        guard let state = Rollout.Status(rawValue: try row.text(10)) else {
            throw .decoding(.init(column: 10, wanted: "a state of a rollout", found: "another text"))
        }
        return RolloutRow(
            id: try row.text(0), account: AccountID(try row.text(1)), firmware: try row.text(2),
            artifact: FirmwareArtifact(url: try row.text(3), sha256: try row.text(4)),
            groupSize: Int(try row.int8(5)), successThreshold: Int(try row.int8(6)),
            errorThreshold: Int(try row.int8(7)), attempts: Int(try row.int8(8)), deviceTimeout: Int(try row.int8(9)),
            state: state, reason: try row.text(11), counts: try ViewJSON.decode(try row.bytes(12)),
            openedGroups: Int(try row.int8(13)), createdTime: try row.timestamp(14),
            changedTime: try row.timestamp(15), version: try row.int8(16))
    }

    package static func store(_ rows: [RolloutRow], generation: Int32) -> BoundStatement {
        func numbers(_ field: KeyPath<RolloutRow, Int>) -> PostgresValue {
            .int8Array(rows.map { Int64($0[keyPath: field]) })
        }
        return store.bind([
            .int4(generation), .textArray(rows.map(\.id)), .textArray(rows.map(\.account.rawValue)),
            .textArray(rows.map(\.firmware)), .textArray(rows.map(\.artifact.url)),
            .textArray(rows.map(\.artifact.sha256)), numbers(\.groupSize), numbers(\.successThreshold),
            numbers(\.errorThreshold), numbers(\.attempts), numbers(\.deviceTimeout),
            .textArray(rows.map(\.state.rawValue)), .textArray(rows.map(\.reason)),
            .textArray(rows.map { ViewJSON.encode($0.counts) }), numbers(\.openedGroups),
            .timestampArray(rows.map(\.createdTime)), .timestampArray(rows.map(\.changedTime)),
            .int8Array(rows.map(\.version)),
        ])
    }
}
