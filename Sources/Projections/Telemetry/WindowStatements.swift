import Runtime

/// The statements that answer questions about windows.
enum WindowStatements {
    /// Two ranges of the index for each metric: its own hours, and of what is nested below it all that it has, for a slash comes
    /// after a dot. By one range, or joined as a whole, all hours of the device would be looked through.
    ///
    /// - Parameter place: a condition behind which windows are wanted, for the name of a metric. An index would be searched by
    ///   it instead of by the nested metrics' range, were it said of the column itself.
    private static func found(behind place: (_ metric: String) -> String = { _ in "true" }) -> String {
        func range(_ metric: String, _ place: String) -> String {
            """
            select * from telemetry_windows w
            where w.generation = coalesce($10::int4, (select live_generation from projections where name = 'telemetry'))
                and w.device = $1 and \(metric) and w.length = 3600 and w.start >= $3 and w.start < $4
                and ($5::text is null or w.account = $5) and \(place)
            """
        }
        let nested = "w.metric > wanted.name || '.' and w.metric < wanted.name || '/'"
        return """
            from unnest($2::text[]) as wanted (name) cross join lateral (
                \(range("w.metric = wanted.name", place("w.metric")))
                union all
                \(range(nested, place("(w.metric || '')")))
            ) w
            """
    }

    private static func behindPlace(_ metric: String) -> String { "(\(metric), w.start, w.account) > ($6, $7, $8)" }

    static let hours = Statement(
        "query_hours",
        """
        select metric, start, account, count, minimum, maximum, last, last_time, sum::text, squares::text, unsummed
        \(found(behind: behindPlace))
        order by metric, start, account limit $9
        """)

    static let minutes = Statement(
        "query_minutes",
        """
        select w.metric, w.start, w.account, \(TelemetryProjection.minutes)
        \(found(behind: behindPlace))
        order by w.metric, w.start, w.account limit $9
        """)

    static let minuteSums = Statement(
        "query_minute_sums",
        """
        select w.start, \(TelemetryProjection.minutes) from telemetry_windows w
        where w.generation = coalesce($6::int4, (select live_generation from projections where name = 'telemetry'))
            and w.device = $1 and w.metric = $2 and w.length = 3600 and w.start >= $3 and w.start < $4
            and ($5::text is null or w.account = $5)
        order by w.start
        """)

    /// Sums of whole numbers are the same whoever adds them.
    static let days = Statement(
        "query_days",
        """
        select metric, day, account, count, minimum, maximum, last, last_time, sum::text, squares::text, unsummed
        from (
            select w.metric, date_trunc('day', w.start, 'UTC') as day, w.account, sum(w.count)::int8 as count,
                min(w.minimum) as minimum, max(w.maximum) as maximum,
                (array_agg(w.last order by w.last_time desc, w.last desc))[1] as last, max(w.last_time) as last_time,
                sum(w.sum) as sum, sum(w.squares) as squares, sum(w.unsummed)::int8 as unsummed
            \(found())
            group by w.metric, day, w.account
        ) as days
        where (metric, day, account) > ($6, $7, $8)
        order by metric, day, account limit $9
        """)
}
