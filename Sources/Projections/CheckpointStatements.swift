import Runtime

/// The statements that move a projection's checkpoint.
enum CheckpointStatements {
    /// Where the live generation stands.
    static let live = Statement(
        "read_live_checkpoint",
        """
        select c.generation, c.position from projections p
        join checkpoints c on c.projection = p.name and c.generation = p.live_generation
        where p.name = $1
        """)

    /// Moves only from where the caller believes it stands, so that two runners cannot both advance.
    static let move = Statement(
        "move_checkpoint",
        """
        update checkpoints set position = $4, recorded_time = $5, failure = null
        where projection = $1 and generation = $2 and position = $3
        """)

    static let fail = Statement(
        "fail_checkpoint",
        "update checkpoints set failure = $3 where projection = $1 and generation = $2")

    static let status = Statement(
        "projection_status",
        """
        select p.name, c.position, c.failure, h.position,
            case when h.position > c.position
                then extract(epoch from clock_timestamp() - c.recorded_time)::float8 else 0 end,
            exists (
                select from checkpoints n
                where n.projection = p.name and n.generation > p.live_generation and n.failure is null)
        from projections p
        join checkpoints c on c.projection = p.name and c.generation = p.live_generation
        cross join log_head h
        order by p.name
        """)

    /// Starts a generation beside the live one.
    static let begin = Statement(
        "begin_generation",
        """
        insert into checkpoints (projection, generation, position)
        select $1, max(generation) + 1, 0 from checkpoints where projection = $1
        returning generation
        """)

    /// Holds the runners of both generations still.
    static let lockBoth = Statement(
        "lock_generations",
        """
        select c.generation, c.position, c.generation = p.live_generation
        from projections p join checkpoints c on c.projection = p.name
        where p.name = $1 and (c.generation = p.live_generation or c.generation = $2)
        order by c.generation for update
        """)

    static let swap = Statement("swap_generation", "update projections set live_generation = $2 where name = $1")

    static let forget = Statement(
        "forget_generations", "delete from checkpoints where projection = $1 and generation < $2")
}
