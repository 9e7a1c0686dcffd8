import Runtime

/// The statements about past views.
enum PastStatements {
    /// Where the log ends, and whether something has left it of the stream, or of any stream of these categories.
    static let reach = Statement(
        "past_reach",
        """
        select position, case when $2::text is not null then exists (select from stream_floors where stream = $2)
            else exists (
                select from unnest($1::text[]) as c (name) join stream_floors f
                    on f.stream > c.name || '-' collate "C" and f.stream < c.name || '.' collate "C") end
        from log_head
        """)

    /// Finds what is there and keeps it, or asks for it; no row if too many are. What has failed and may pass is asked for again
    /// when it is time, however often somebody asks.
    static let ask = Statement(
        "ask_past_view",
        """
        with found as (
            update past_views set used_time = clock_timestamp(),
                state = case when retry_time <= statement_timestamp() then 'asked' else state end,
                retry_time = case when retry_time > statement_timestamp() then retry_time end
            where projection = $1 and definition = $2 and position = $3 and stream = $5 and state <> 'dropped'
            returning generation, state, failure
        ), added as (
            insert into past_views (projection, definition, position, stream)
            select $1, $2, $3, $5
            where not exists (select from found)
                and (select count(*) from past_views where projection = $1 and (stream = '') = ($5 = '')) < $4
            on conflict (projection, stream, position, definition) where state <> 'dropped'
                do update set used_time = clock_timestamp()
            returning generation, state, failure
        )
        select generation, state, failure from found union all select generation, state, failure from added
        """)

    /// Whether somebody has asked for one, or one is to go.
    static let due = Statement(
        "due_past_views",
        """
        select exists (
            select from past_views
            where (stream <> '') = $2 and (
                state in ('asked', 'dropped') or used_time < clock_timestamp() - $1::float8 * interval '1 second'))
        """)

    /// What nobody has folded yet, the oldest first.
    static let asked = Statement(
        "asked_past_views",
        """
        select generation, projection, definition, position, stream from past_views
        where state = 'asked' and (stream <> '') = $1
        order by used_time
        """)

    /// With the seconds after which one that has failed may be tried again; null for one that may not.
    static let end = Statement(
        "end_past_view",
        """
        update past_views set state = $2, failure = $3, used_time = clock_timestamp(),
            retry_time = clock_timestamp() + $4::float8 * interval '1 second'
        where generation = $1 and state = 'asked'
        """)

    /// Gives up what nobody has asked for lately, and shows what is to be deleted.
    static let expire = Statement(
        "expire_past_views",
        """
        update past_views set state = 'dropped'
        where (stream <> '') = $2
            and (state = 'dropped' or used_time < clock_timestamp() - $1::float8 * interval '1 second')
        returning generation, projection
        """)

    static let forget = Statement(
        "forget_past_view", "delete from past_views where generation = $1 and state = 'dropped'")

    /// One builder at a time, until the transaction ends.
    static let lock = Statement.unprepared(
        "lock_past_views", "select pg_try_advisory_xact_lock($1)", effect: .reads)
}

/// How much of a view is folded.
enum PastExtent: CaseIterable {
    case whole
    case single

    var isSingle: PostgresValue { .bool(self == .single) }

    /// "fl-past" as a number, and the one behind it.
    var key: PostgresValue {
        switch self {
        case .whole: .int8(28_829_390_039_249_780)
        case .single: .int8(28_829_390_039_249_781)
        }
    }
}
