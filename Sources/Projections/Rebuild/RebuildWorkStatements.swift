import Runtime

/// The statements by which a rebuild goes on; each works only while the rebuild may.
enum RebuildWorkStatements {
    static let checkpoint = Statement(
        "read_checkpoint",
        "select position from checkpoints where projection = $1 and generation = $2 and not is_dropped")

    /// Holds the runners of the live generation still.
    ///
    /// No stronger, or whoever notes meanwhile that an entity of the view is stuck would wait for its key, and for ever
    /// if the holder waits for them.
    static let lockLive = Statement(
        "lock_live_generation",
        """
        select c.generation, c.position, greatest(c.definition, c.kept_definition) from projections p
        join checkpoints c on c.projection = p.name and c.generation = p.live_generation
        where p.name = $1 for no key update
        """, effect: .writes)

    /// Keeps programs of an older definition off from now on.
    static let keep = Statement(
        "keep_generation",
        """
        update checkpoints set kept_definition = $3
        where projection = $1 and generation = $2 and greatest(definition, kept_definition) < $3
        """)

    static let lock = Statement(
        "lock_generation",
        """
        select position from checkpoints where projection = $1 and generation = $2 and not is_dropped for update
        """, effect: .writes)

    static let report = Statement(
        "report_rebuild",
        """
        update rebuilds set reached_position = $2, event_rate = $3, position_rate = $4,
            changed_time = clock_timestamp()
        where number = $1 and state = 'running'
        """)

    static let isRunning = Statement(
        "rebuild_is_running", "select from rebuilds where number = $1 and state = 'running'")

    /// Holds the row until the rows are stored, so that who cancels waits for that.
    static let stored = Statement(
        "note_stored_rows",
        """
        update rebuilds set reached_position = greatest(reached_position, $2), events = events + $3,
            event_rate = coalesce($4, event_rate), position_rate = coalesce($5, position_rate),
            -- Whatever it waited for is there.
            failure = null, changed_time = clock_timestamp()
        where number = $1 and state in ('running', 'paused')
        """)

    static let compared = Statement(
        "note_comparison",
        """
        update rebuilds set compared_position = $2, live_rows = $3, next_rows = $4, live_digest = $5, next_digest = $6,
            differing_rows = $7, sample = $8, changed_time = clock_timestamp()
        where number = $1 and state = 'running'
        """)

    static let finish = Statement(
        "finish_rebuild",
        """
        update rebuilds set state = 'finished', failure = null, event_rate = 0, position_rate = 0, changed_time = clock_timestamp()
        where number = $1 and state = 'running'
        """)

    static let finished = Statement(
        "note_last_position",
        "update rebuilds set reached_position = greatest(reached_position, $2), events = events + $3 where number = $1")

    static let fail = Statement(
        "fail_rebuild",
        """
        update rebuilds set state = 'failed', failure = $2, event_rate = 0, position_rate = 0,
            changed_time = clock_timestamp()
        where number = $1 and state = 'running'
        """)

    /// It is tried again all the same.
    static let wait = Statement(
        "note_what_rebuild_waits_for",
        """
        update rebuilds set failure = $2, event_rate = 0, position_rate = 0, changed_time = clock_timestamp()
        where number = $1 and state = 'running'
        """)

    static let swap = Statement(
        "swap_generations",
        """
        update projections set live_generation = $2, previous_generation = $3,
            -- What an older generation could not take in is no reason any more.
            paused_reason = case when paused_by <> 'system' then paused_reason end
        where name = $1 and live_generation = $3
        """)

    /// A view without events was made by this program.
    static let adoptDefinition = Statement(
        "adopt_definition",
        """
        update checkpoints c set definition = $2 from projections p
        where p.name = $1 and c.projection = p.name and c.generation = p.live_generation
            and c.position = 0 and c.definition < $2
        """)

    /// Whether the live rows were made by an older definition, and this one was not tried since they were begun.
    static let lacksDefinition = Statement(
        "find_old_definition",
        """
        select from projections p
        join checkpoints c on c.projection = p.name and c.generation = p.live_generation
        where p.name = $1 and c.definition < $2 and not exists (
            select from rebuilds r where r.projection = p.name
                and (r.state in ('running', 'paused', 'failed')
                    or r.cause = 'definition' and r.definition >= $2 and r.number > coalesce((
                        select max(l.number) from rebuilds l
                        where l.projection = p.name and l.generation = p.live_generation and l.kind = 'rebuild'), 0)))
        """)
}
