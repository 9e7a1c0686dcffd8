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
