/// The statements of the seals.
enum SealStatements {
    static let blockCount = Statement("seal_block_count", "select coalesce(max(block) + 1, 0) from seal_blocks")

    static let blocks = Statement("seal_blocks", "select block, leaves from seal_blocks where block = any ($1)")

    static let nodes = Statement(
        "seal_nodes",
        """
        select n.level, n.number, n.hash
        from unnest($1::int[], $2::bigint[]) as wanted(level, number)
        join seal_nodes n on n.level = wanted.level and n.number = wanted.number
        """)

    static let storeBlocks = Statement(
        "seal_store_blocks",
        "insert into seal_blocks (block, leaves) select * from unnest($1::bigint[], $2::bytea[])", effect: .writes)

    static let storeNodes = Statement(
        "seal_store_nodes",
        "insert into seal_nodes (level, number, hash) select * from unnest($1::int[], $2::bigint[], $3::bytea[])",
        effect: .writes)

    static let departedLeaves = Statement(
        "seal_departed_leaves",
        "select position, leaf from departed_leaves where position > $1 and position <= $2")

    static let storeDepartedLeaves = Statement(
        "seal_store_departed_leaves",
        """
        insert into departed_leaves (position, leaf) select * from unnest($1::bigint[], $2::bytea[])
        on conflict (position) do nothing
        """, effect: .writes)

    static let storeHead = Statement(
        "seal_store_head", "insert into signed_heads (size, time, note) values ($1, $2, $3)", effect: .writes)

    static let newestHead = Statement(
        "seal_newest_head", "select note from signed_heads order by size desc, time desc limit 1")

    static let headsBefore = Statement(
        "seal_heads_before",
        """
        select note from signed_heads where (size, time) < ($1, $2) order by size desc, time desc limit $3
        """)

    static let headOfSize = Statement(
        "seal_head_of_size", "select note from signed_heads where size = $1 order by time limit 1")

    /// One look at both: whoever signs a head has seen that much of the log.
    static let headsBeyondLog = Statement(
        "seal_heads_beyond_log",
        "select h.note from signed_heads h join log_head l on h.size > l.position order by h.size, h.time")

    /// Planned with its positions, as a page of the log is.
    static let misplaced = Statement.unprepared(
        "seal_misplaced",
        """
        select position, case when is_elsewhere then 'category' else 'class' end,
            case when is_elsewhere then category else class::text end
        from (
            select position, category, class, split_part(stream, '-', 1) <> category as is_elsewhere,
                class = 1 and cardinality($3::text[]) > 0
                    and (category, type) not in (select * from unnest($3::text[], $4::text[])) as is_no_telemetry
            from events where position > $1 and position <= $2
        ) as e
        where is_elsewhere or is_no_telemetry order by position limit 100
        """)

    static let headsBehind = Statement(
        "seal_heads_behind",
        """
        select note from signed_heads where size > $1 and size <= $2 order by size, time
        """)
}
