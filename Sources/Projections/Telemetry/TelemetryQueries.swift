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
        switch wanted.resolution {
        case .minute: try await minutes(wanted, scope: scope)
        case .hour: try await windows(wanted, by: WindowStatements.hours, scope: scope)
        case .day: try await windows(wanted, by: WindowStatements.days, scope: scope)
        }
    }

    private func windows(
        _ wanted: WindowsWanted, by statement: Statement, scope: AccountScope
    ) async throws(QueryError) -> [MetricWindow] {
        try await read(
            bind(statement, wanted, from: wanted.from, behind: wanted.after, limit: wanted.limit, scope), atOnce: true
        ) { row throws(PostgresError) in
            MetricWindow(
                metric: try row.text(0), start: try row.timestamp(1), account: try row.text(2),
                summary: try WindowSummary(row, from: 3))
        }
    }

    private func minutes(
        _ wanted: WindowsWanted, scope: AccountScope
    ) async throws(QueryError) -> [MetricWindow] {
        var minutes = WantedMinutes(wanted)
        // An hour has up to sixty of them, and mostly more than four.
        let size = wanted.limit / 4 + 8
        var last = wanted.after.map {
            WindowsWanted.Place(metric: $0.metric, start: WindowLength.hour.start(of: $0.start), account: "")
        }
        while true {
            let hours = try await read(
                bind(
                    WindowStatements.minutes, wanted, from: WindowLength.hour.start(of: wanted.from), behind: last,
                    limit: size, scope), atOnce: true
            ) { row throws(PostgresError) in
                let start = try row.timestamp(1)
                let (settled, provisional) = try TelemetryProjection.storedMinutes(row, from: 3, of: start)
                return StoredHour(
                    place: .init(metric: try row.text(0), start: start, account: try row.text(2)), settled: settled,
                    provisional: provisional)
            }
            for hour in hours where !minutes.isFull { minutes.take(hour) }
            if minutes.isFull || hours.count < size { return minutes.all() }
            last = hours.last?.place
        }
    }

    private func bind(
        _ statement: Statement, _ wanted: WindowsWanted, from: Timestamp, behind place: WindowsWanted.Place?,
        limit: Int, _ scope: AccountScope
    ) throws(QueryError) -> BoundStatement {
        statement.bind([
            .text(wanted.device), .textArray(wanted.metrics), .timestamp(from), .timestamp(wanted.to), account(scope),
            .text(place?.metric ?? ""), .timestamp(place?.start ?? from), .text(place?.account ?? ""),
            .int8(Int64(limit)), try generation(of: TelemetryProjection.name),
        ])
    }

    private func account(_ scope: AccountScope) -> PostgresValue {
        if case .only(let account) = scope { .text(account.rawValue) } else { .null }
    }

    package func minutes(
        of metric: String, device: String, from: Timestamp, to: Timestamp, scope: AccountScope
    ) async throws(QueryError) -> [MinuteSum] {
        let hours = try await read(
            WindowStatements.minuteSums(
                .text(device), .text(metric), .timestamp(WindowLength.hour.start(of: from)), .timestamp(to),
                account(scope), try generation(of: TelemetryProjection.name)), atOnce: true
        ) { row throws(PostgresError) in
            let start = try row.timestamp(0)
            let (settled, provisional) = try TelemetryProjection.storedMinutes(row, from: 1, of: start)
            return TelemetryHour.windows(of: start, settled, provisional)
        }
        var sums: [Timestamp: MinuteSum] = [:]
        for window in hours.joined() where from <= window.start && window.start < to {
            var sum = sums[window.start] ?? MinuteSum(start: window.start, count: 0, sum: 0, unsummed: 0)
            sum.count += window.summary.count
            sum.sum += window.summary.sum
            sum.unsummed += window.summary.unsummed
            sums[window.start] = sum
        }
        return sums.values.sorted { $0.start < $1.start }
    }
}

/// The minutes of an hour as they are stored, and of which row they are.
private struct StoredHour: Sendable {
    var place: WindowsWanted.Place
    var settled: PackedMinutes
    var provisional: [ProvisionalNumber]
}

/// Puts the minutes of hours, which come by metric, time and account, in the order of their own times.
private struct WantedMinutes {
    private let wanted: WindowsWanted
    private var found: [MetricWindow] = []
    /// Of the hour that came last: another account may have minutes between them.
    private var open: [MetricWindow] = []
    private var hour: (metric: String, start: Timestamp)?

    init(_ wanted: WindowsWanted) { self.wanted = wanted }

    var isFull: Bool { found.count >= wanted.limit }

    mutating func take(_ next: StoredHour) {
        let place = next.place
        if let hour, hour != (place.metric, place.start) { close() }
        hour = (place.metric, place.start)
        for window in TelemetryHour.windows(of: place.start, next.settled, next.provisional)
        where wanted.from <= window.start && window.start < wanted.to {
            let minute = MetricWindow(
                metric: place.metric, start: window.start, account: place.account, summary: window.summary)
            if let after = wanted.after, minute.place <= after { continue }
            open.append(minute)
        }
    }

    private mutating func close() {
        found += open.sorted { $0.place < $1.place }
        open = []
    }

    mutating func all() -> [MetricWindow] {
        close()
        return Array(found.prefix(wanted.limit))
    }
}

extension WindowsWanted.Place: Comparable {
    /// Names compare by their bytes, as in the database.
    package static func < (left: Self, right: Self) -> Bool {
        if left.metric != right.metric { return left.metric.utf8.lexicographicallyPrecedes(right.metric.utf8) }
        if left.start != right.start { return left.start < right.start }
        return left.account.utf8.lexicographicallyPrecedes(right.account.utf8)
    }
}

private enum WindowStatements {
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
