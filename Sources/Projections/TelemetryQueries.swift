package import Runtime

/// Questions about what devices have measured.
package protocol TelemetryQueries: Sendable {
    /// The windows of a device that begin within the bounds, by metric and then by time.
    func windows(_ wanted: WindowsWanted, scope: AccountScope) async throws(QueryError) -> [MetricWindow]
    /// The minutes of one metric that begin within the bounds, and have readings, in order.
    func minutes(
        of metric: String, device: String, from: Timestamp, to: Timestamp, scope: AccountScope
    ) async throws(QueryError) -> [MinuteSum]
}

package struct WindowsWanted: Sendable, Hashable {
    package enum Resolution: String, Sendable, CaseIterable {
        case minute = "1m"
        case hour = "1h"
        case day = "1d"
    }

    package var device: String
    /// Those of these names, and those nested below them.
    package var metrics: [String]
    package var resolution: Resolution
    package var from: Timestamp
    package var to: Timestamp
    /// Where an earlier answer has ended.
    package var after: Place?
    package var limit: Int

    /// A window's place in the answer.
    package struct Place: Sendable, Hashable {
        package var metric: String
        package var start: Timestamp
        package var account: String

        package init(metric: String, start: Timestamp, account: String) {
            self.metric = metric
            self.start = start
            self.account = account
        }
    }

    package init(
        device: String, metrics: [String], resolution: Resolution, from: Timestamp, to: Timestamp, after: Place?,
        limit: Int
    ) {
        self.device = device
        self.metrics = metrics
        self.resolution = resolution
        self.from = from
        self.to = to
        self.after = after
        self.limit = limit
    }
}

/// A window of any length.
package struct MetricWindow: Sendable, Hashable {
    package var metric: String
    package var start: Timestamp
    package var account: String
    package var summary: WindowSummary

    package init(metric: String, start: Timestamp, account: String, summary: WindowSummary) {
        self.metric = metric
        self.start = start
        self.account = account
        self.summary = summary
    }

    package var place: WindowsWanted.Place { .init(metric: metric, start: start, account: account) }
}

extension PostgresFleetQueries: TelemetryQueries {
    package func windows(
        _ wanted: WindowsWanted, scope: AccountScope
    ) async throws(QueryError) -> [MetricWindow] {
        let account: PostgresValue = if case .only(let account) = scope { .text(account.rawValue) } else { .null }
        let stored: WindowLength = wanted.resolution == .minute ? .minute : .hour
        let statement = wanted.resolution == .day ? WindowStatements.days : WindowStatements.stored
        let place = wanted.after
        return try await read(
            statement.bind([
                .text(wanted.device), .textArray(wanted.metrics), .int4(stored.rawValue), .timestamp(wanted.from),
                .timestamp(wanted.to), account, .text(place?.metric ?? ""), .timestamp(place?.start ?? wanted.from),
                .text(place?.account ?? ""), .int8(Int64(wanted.limit)), try generation(of: TelemetryProjection.name),
            ]), atOnce: true
        ) { row throws(PostgresError) in
            MetricWindow(
                metric: try row.text(0), start: try row.timestamp(1), account: try row.text(2),
                summary: try WindowSummary(row, from: 3))
        }
    }

    package func minutes(
        of metric: String, device: String, from: Timestamp, to: Timestamp, scope: AccountScope
    ) async throws(QueryError) -> [MinuteSum] {
        let account: PostgresValue = if case .only(let account) = scope { .text(account.rawValue) } else { .null }
        return try await read(
            WindowStatements.minutes(
                .text(device), .text(metric), .timestamp(from), .timestamp(to), account,
                try generation(of: TelemetryProjection.name)), atOnce: true
        ) { row throws(PostgresError) in
            MinuteSum(
                start: try row.timestamp(0), count: try row.int8(1), sum: Int128(try row.text(2)) ?? 0,
                unsummed: try row.int8(3))
        }
    }
}

private enum WindowStatements {
    /// Two ranges of the index for each metric: its own windows, and of what is nested below it all that it has, for a slash comes
    /// after a dot. By one range, or joined as a whole, all windows of the device would be looked through.
    ///
    /// - Parameter place: a condition behind which windows are wanted, for the name of a metric. An index would be searched by
    ///   it instead of by the nested metrics' range, were it said of the column itself.
    private static func found(behind place: (_ metric: String) -> String = { _ in "true" }) -> String {
        func range(_ metric: String, _ place: String) -> String {
            """
            select * from telemetry_windows w
            where w.generation = coalesce($11::int4, (select live_generation from projections where name = 'telemetry'))
                and w.device = $1 and \(metric) and w.length = $3 and w.start >= $4 and w.start < $5
                and ($6::text is null or w.account = $6) and \(place)
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

    static let stored = Statement(
        "query_windows",
        """
        select metric, start, account, count, minimum, maximum, last, last_time, sum::text, squares::text, unsummed
        \(found { "(\($0), w.start, w.account) > ($7, $8, $9)" })
        order by metric, start, account limit $10
        """)

    static let minutes = Statement(
        "query_minutes",
        """
        select start, sum(count)::int8, sum(sum)::text, sum(unsummed)::int8 from telemetry_windows
        where generation = coalesce($6::int4, (select live_generation from projections where name = 'telemetry'))
            and device = $1 and metric = $2 and length = 60 and start >= $3 and start < $4
            and ($5::text is null or account = $5)
        group by start order by start
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
        where (metric, day, account) > ($7, $8, $9)
        order by metric, day, account limit $10
        """)
}
