import Runtime

/// The statements about entities that stand still.
enum StuckStatements {
    /// What ``StuckEntity/init(_:)`` reads.
    private static let columns = "s.entity, s.position, s.version, s.event_type, s.reason, s.since"

    static let among = Statement(
        "stuck_among",
        """
        select \(columns) from stuck_entities s where projection = $1 and generation = $2 and entity = any ($3)
        """)

    static let all = Statement(
        "all_stuck", "select \(columns) from stuck_entities s where projection = $1 and generation = $2 limit 100000")

    static let inRange = Statement(
        "stuck_in_range",
        """
        select \(columns) from stuck_entities s
        where projection = $1 and generation = $2 and entity collate "C" >= $3 and entity collate "C" < $4
        """)

    private static let insert = Statement(
        "insert_stuck",
        """
        insert into stuck_entities (projection, generation, entity, position, version, event_type, reason)
        select $1, $2, * from unnest($3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::text[])
        on conflict (projection, generation, entity) do update set
            position = excluded.position, version = excluded.version, event_type = excluded.event_type,
            reason = excluded.reason
        """)

    /// The live view pauses as a whole if too many stand still, or if too many threads are lost.
    private static let pauseIfMany = Statement(
        "pause_with_many_stuck",
        """
        update projections p set paused_by = 'system', paused_time = clock_timestamp(), paused_reason = case
            when s.count > $3 then s.count || ' entities are stuck, more than ' || $3
            else 'its code did not return ' || $4::bigint || ' times' end
        from (select count(*) from stuck_entities where projection = $1 and generation = $2) s
        where p.name = $1 and p.live_generation = $2 and p.paused_reason is null
            and (s.count > $3 or $4::bigint >= $5::bigint)
        """)

    static func insert(_ stuck: [StuckEntity], _ name: String, _ generation: Int32) -> BoundStatement {
        insert.bind([
            .text(name), .int4(generation), .textArray(stuck.map(\.id)), .int8Array(stuck.map(\.position)),
            .int8Array(stuck.map(\.version)), .textArray(stuck.map(\.type)), .textArray(stuck.map(\.reason)),
        ])
    }

    /// Only while the generation has not come to the event: who goes on with it stops the entity there.
    private static let insertAhead = Statement(
        "insert_stuck_ahead",
        """
        with behind as (
            select projection, generation from checkpoints
            where projection = $1 and generation = $2 and position < $4 and not is_dropped for no key update
        )
        insert into stuck_entities (projection, generation, entity, position, version, event_type, reason)
        select projection, generation, $3::text, $4::bigint, $5::bigint, $6::text, $7::text from behind
        on conflict (projection, generation, entity) do update set
            position = excluded.position, version = excluded.version, event_type = excluded.event_type,
            reason = excluded.reason
        """, effect: .writes)

    static func insertAhead(_ stuck: StuckEntity, _ name: String, _ generation: Int32) -> BoundStatement {
        insertAhead(
            .text(name), .int4(generation), .text(stuck.id), .int8(stuck.position), .int8(stuck.version),
            .text(stuck.type), .text(stuck.reason))
    }

    static func stop(
        _ stuck: [StuckEntity], _ name: String, _ generation: Int32, _ bounds: FoldBounds, lost: Int
    ) -> [BoundStatement] {
        [
            insert(stuck, name, generation),
            pauseIfMany(
                .text(name), .int4(generation), .int8(Int64(bounds.stuck)), .int8(Int64(lost)),
                .int8(Int64(bounds.lostThreads))),
        ]
    }

    static let list = Statement(
        "list_stuck",
        """
        select \(columns)
        from stuck_entities s
        join projections p on p.name = s.projection and p.live_generation = s.generation
        where s.projection = $1 and ($2::text is null or s.entity = $2) order by s.position limit $3
        """)

    static let delete = Statement(
        "delete_stuck", "delete from stuck_entities where projection = $1 and generation = $2 and entity = $3")

    static let forget = Statement(
        "forget_stuck", "delete from stuck_entities where projection = $1 and generation = $2")

    static let pause = Statement(
        "pause_projection",
        """
        update projections set paused_reason = $2, paused_by = $3, paused_time = clock_timestamp() where name = $1
        """)

    static let resume = Statement(
        "resume_projection",
        "update projections set paused_reason = null, paused_by = null, paused_time = null where name = $1")
}

extension StuckEntity {
    init(_ row: Row) throws(PostgresError) {
        self.init(
            id: try row.text(0), position: try row.int8(1), version: try row.int8(2), type: try row.text(3),
            reason: try row.text(4), since: try row.timestamp(5))
    }
}
