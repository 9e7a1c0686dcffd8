/// The statements that find something in the log otherwise than by position.
///
/// Not prepared: planned with their values, they open the partitions that can hold an answer.
enum SearchStatements {
    /// The oldest event of each of the next streams, which is no reading: from one name to the next by the index
    /// (stream, version), however long the streams are.
    private static let streams = Statement.unprepared(
        "search_streams",
        """
        with recursive name (stream, number) as (
            (select stream, 1 from events
            where class in (0, 2) and stream > $1 and stream >= $2 and stream < $3 order by stream limit 1)
            union all
            select (
                select e.stream from events e
                where e.class in (0, 2) and e.stream > name.stream and e.stream < $3 order by e.stream limit 1
            ), number + 1
            from name where stream is not null and number < $4
        )
        select first.* from name cross join lateral (
            \(ReadStatements.columns) where class in (0, 2) and events.stream = name.stream
            order by version limit 1
        ) as first
        where name.stream is not null order by name.number
        """)

    static func streams(after name: String, category: String?, limit: Int) -> BoundStatement {
        // The dash behind a category is followed by the dot, and the last letter that a name may begin with by a brace.
        streams(
            .text(name), .text(category.map { $0 + "-" } ?? ""), .text(category.map { $0 + "." } ?? "{"),
            .int8(Int64(limit)))
    }

    static let newest = Statement.unprepared(
        "search_newest", ReadStatements.columns + " where stream = $1 order by version desc limit 1")

    static let event = Statement.unprepared("search_event", ReadStatements.columns + " where id = $1")

    static let effects = Statement.unprepared(
        "search_effects",
        ReadStatements.columns + " where causation_id = any($1)" + ReadStatements.withoutTelemetry
            + " order by position limit $2")

    /// A condition whose parameter is null is not asked for, and folds away.
    private static let acts = Statement.unprepared(
        "search_acts",
        ReadStatements.columns
            + """
             where position < $1 and \(ReadStatements.byPeople)
                and ($3::text is null or account = $3)
                and ($4::text is null or principal = $4)
                and ($5::text is null or category = $5)
                and ($6::text is null or category <> $6)\(ReadStatements.withoutTelemetry)
            order by position desc limit $2
            """)

    static func acts(_ filter: ActFilter, before position: Int64?, limit: Int) -> BoundStatement {
        acts(
            .int8(position ?? .max), .int8(Int64(limit)), filter.scope.parameter,
            filter.principal.map { .text($0.description) } ?? .null, filter.category.map { .text($0) } ?? .null,
            filter.leavesOut.map { .text($0) } ?? .null)
    }

    static let position = Statement("search_position", "select fleetlog_position_at($1)")

    static let positionNear = Statement(
        "search_position_near",
        "select fleetlog_position_near($1, $2::bigint * interval '1 microsecond'), position from log_head")
}
