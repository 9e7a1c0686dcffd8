import Runtime

/// The statements that move a projection's checkpoint.
enum CheckpointStatements {
    /// Where the live generation stands, whether it pauses, and the definition that one must know to go on with it.
    static let live = Statement(
        "read_live_checkpoint",
        """
        select c.generation, c.position, p.paused_reason is not null, greatest(c.definition, c.kept_definition)
        from projections p
        join checkpoints c on c.projection = p.name and c.generation = p.live_generation
        where p.name = $1
        """)

    /// Moves only from where the caller believes it stands, so that two runners cannot both advance; only if none of them
    /// was of a newer definition; and only the live generation.
    static let moveLive = Statement(
        "move_live_checkpoint",
        """
        update checkpoints set position = $4, recorded_time = $5, failure = null,
            kept_definition = greatest(kept_definition, $6)
        where projection = $1 and generation = $2 and position = $3 and greatest(definition, kept_definition) <= $6
            and exists (select from projections where name = $1 and live_generation = $2 and paused_reason is null)
        """)

    /// The same of a generation beside the live one.
    static let move = Statement(
        "move_checkpoint",
        """
        update checkpoints set position = $4, recorded_time = $5, failure = null,
            kept_definition = greatest(kept_definition, $6)
        where projection = $1 and generation = $2 and position = $3 and greatest(definition, kept_definition) <= $6
            and not is_dropped
        """)

    static let fail = Statement(
        "fail_checkpoint",
        "update checkpoints set failure = $3 where projection = $1 and generation = $2")

    static let livePosition = Statement(
        "live_position",
        """
        select c.position from projections p
        join checkpoints c on c.projection = p.name and c.generation = p.live_generation
        where p.name = $1
        """)

    /// A view trails by the time since the first event that it has not taken in was recorded: it goes over those of others, too.
    static let status = Statement(
        "projection_status",
        """
        select p.name, c.position, c.failure, h.position,
            case when h.position > c.position then coalesce((
                select extract(epoch from clock_timestamp() - e.recorded_time) from events e
                where e.position > c.position order by e.position limit 1), 0)::float8 else 0 end,
            exists (select from rebuilds r where r.projection = p.name and r.state = 'running'),
            p.paused_reason,
            (select count(*) from stuck_entities s where s.projection = p.name and s.generation = p.live_generation),
            v.row_count, v.digest, v.position, v.counted_time
        from projections p
        join checkpoints c on c.projection = p.name and c.generation = p.live_generation
        left join view_contents v
            on v.projection = p.name and v.generation = p.live_generation and v.digest is not null
        cross join log_head h
        order by p.name
        """)
}
