import Foundation
import Runtime

/// The statements about rebuilds.
enum RebuildStatements {
    /// What ``Rebuild/init(_:)`` reads.
    private static let columns = """
        r.number, r.projection, r.generation, r.kind, r.cause, r.definition, r.asked_by, r.event_limit, r.state,
        r.started_time, r.changed_time, r.reached_position, h.position, r.events, r.event_rate, r.position_rate,
        r.compared_position, r.live_rows, r.next_rows, r.live_digest, r.next_digest, r.differing_rows, r.sample,
        r.failure
        """

    /// The newest rebuild of each view.
    static let newest = Statement(
        "newest_rebuilds",
        """
        select distinct on (r.projection) \(columns) from rebuilds r cross join log_head h
        order by r.projection, r.number desc
        """)

    static let running = Statement(
        "running_rebuilds",
        "select \(columns) from rebuilds r cross join log_head h where r.state = 'running' order by r.number")

    static let generations = Statement(
        "generations",
        """
        select p.name, c.generation,
            case when c.generation = p.live_generation then 'live' when c.is_dropped then 'dropped'
                when c.generation = p.previous_generation and not exists (
                    select from rebuilds r where r.projection = p.name and r.generation = c.generation
                        and r.state in ('running', 'paused', 'failed')) then 'previous'
                when exists (
                    select from rebuilds r where r.projection = p.name and r.generation = c.generation
                        and r.state in ('running', 'paused', 'failed')) then 'next'
                else 'older' end,
            c.position, c.definition
        from projections p join checkpoints c on c.projection = p.name
        order by p.name, c.generation
        """)

    /// A row if events of the category have left the log.
    static let lacksEvents = Statement(
        "category_lacks_events",
        """
        select from stream_floors
        where stream > $1 || '-' collate "C" and stream < $1 || '.' collate "C" limit 1
        """)

    /// A row if events of the category have left the log behind what the previous generation has taken in.
    static let previousLacksEvents = Statement(
        "previous_lacks_events",
        """
        select from projections p
        join checkpoints c on c.projection = p.name and c.generation = p.previous_generation
        join stream_floors f on f.position > c.position
        where p.name = $1 and f.stream > $2 || '-' collate "C" and f.stream < $2 || '.' collate "C" limit 1
        """)

    /// Starts a generation beside the live one; no row if a rebuild of the view has not ended.
    static let begin = Statement(
        "begin_rebuild",
        """
        with free as (
            select name from projections p where name = $1 and not exists (
                select from rebuilds where projection = $1 and state in ('running', 'paused', 'failed'))
        ), next as (
            insert into checkpoints (projection, generation, position, definition)
            select name, 1 + greatest(
                (select max(generation) from checkpoints where projection = $1),
                (select max(generation) from rebuilds where projection = $1)), 0, $3
            from free
            returning projection, generation
        ), r as (
            insert into rebuilds (projection, generation, kind, cause, definition, asked_by, event_limit, state)
            select projection, generation, 'rebuild', $2, $3, $4, $5, 'running' from next
            returning *
        )
        select \(columns) from r cross join log_head h
        """)

    /// To be done by a program that knows the definition of all who have changed the rows.
    static let beginSwapBack = Statement(
        "begin_swap_back",
        """
        with r as (
            insert into rebuilds (
                projection, generation, kind, cause, definition, asked_by, state, reached_position)
            select p.name, p.previous_generation, 'swap-back', 'request',
                greatest(c.definition, c.kept_definition), $2, 'running', c.position
            from projections p
            join checkpoints c on c.projection = p.name and c.generation = p.previous_generation and not c.is_dropped
            where p.name = $1
            returning *
        )
        select \(columns) from r cross join log_head h
        """)

    static let pause = change("pause_rebuild", "state = 'paused', event_rate = 0, position_rate = 0", from: "'running'")

    static let resume = change("resume_rebuild", "state = 'running', failure = null", from: "'paused', 'failed'")

    private static func change(_ name: String, _ changes: String, from states: String) -> Statement {
        Statement(
            name,
            """
            with r as (
                update rebuilds set \(changes), changed_time = clock_timestamp()
                where projection = $1 and state in (\(states))
                returning *
            )
            select \(columns) from r cross join log_head h
            """)
    }

    static let cancel = cancelling("cancel_rebuild")

    /// Ends what a program of an older definition has begun, and only such a one could go on with. A swap back is for newer ones, too.
    static let supersede = cancelling(
        "supersede_rebuild",
        """
        , failure = 'it was of definition ' || definition || ', and a server is of definition ' || $2::integer || ' by now'
        """, of: "kind = 'rebuild' and definition < $2::integer")

    /// The rows of a generation that was never live go; the previous one stays what it was.
    private static func cancelling(_ name: String, _ changes: String = "", of which: String = "true") -> Statement {
        Statement(
            name,
            """
            with r as (
                update rebuilds set state = 'cancelled', event_rate = 0, position_rate = 0,
                    changed_time = clock_timestamp()\(changes)
                where projection = $1 and state in ('running', 'paused', 'failed') and \(which)
                returning *
            ), dropped as (
                update checkpoints c set is_dropped = true from r
                where r.kind = 'rebuild' and c.projection = r.projection and c.generation = r.generation
            )
            select \(columns) from r cross join log_head h
            """)
    }

    /// Counts what it drops: all but the live generation and those that a rebuild is at work on.
    static let dropPrevious = Statement(
        "drop_previous_generations",
        """
        with dropped as (
            update checkpoints c set is_dropped = true from projections p
            where p.name = $1 and c.projection = p.name and c.generation <> p.live_generation and not c.is_dropped
                and not exists (
                    select from rebuilds r where r.projection = p.name and r.generation = c.generation
                        and r.state in ('running', 'paused', 'failed'))
            returning c.generation
        ), forgotten as (
            update projections p set previous_generation = null
            where p.name = $1 and p.previous_generation in (select generation from dropped)
        )
        select count(*) from dropped
        """, effect: .writes)

    static let dropped = Statement(
        "dropped_generations", "select projection, generation from checkpoints where is_dropped")

    static let forget = Statement(
        "forget_generation", "delete from checkpoints where projection = $1 and generation = $2 and is_dropped")
}

extension RebuildStatus.Generation {
    init(_ row: Row) throws(PostgresError) {
        guard let role = Role(rawValue: try row.text(2)) else {
            throw .decoding(.init(column: 2, wanted: "a role of a generation", found: "another text"))
        }
        self.init(number: try row.int4(1), role: role, position: try row.int8(3), definition: try row.int4(4))
    }
}

extension Rebuild {
    /// Reads a row of ``RebuildStatements``.
    init(_ row: Row) throws(PostgresError) {
        guard let kind = Kind(rawValue: try row.text(3)), let cause = Cause(rawValue: try row.text(4)),
            let state = State(rawValue: try row.text(8))
        else { throw .decoding(.init(column: 3, wanted: "a kind, cause and state of a rebuild", found: "other texts")) }
        let isSwapBack = kind == .swapBack
        self.init(
            number: try row.int8(0), projection: try row.text(1), generation: try row.int4(2), kind: kind, cause: cause,
            definition: try row.int4(5), askedBy: try row.text(6),
            eventLimit: try row.int4(ifPresent: 7).map { Int($0) }, state: state, startedTime: try row.timestamp(9),
            changedTime: try row.timestamp(10),
            progress: RebuildProgress(
                position: try row.int8(11), head: try row.int8(12), events: try row.int8(13),
                eventRate: try row.float8(14), positionRate: try row.float8(15)),
            comparison: isSwapBack ? nil : try Comparison(row), failure: try row.text(ifPresent: 23))
    }
}

extension Rebuild.Comparison {
    fileprivate init?(_ row: Row) throws(PostgresError) {
        guard let position = try row.int8(ifPresent: 16) else { return nil }
        self.init(
            position: position, liveRows: try row.int8(17), nextRows: try row.int8(18),
            liveDigest: try row.text(19), nextDigest: try row.text(20), differingRows: try row.int8(21),
            sample: try ViewJSON.decode(try row.bytes(22)))
    }
}
