import Aggregates
import Projections
import Runtime

extension FoldedQueries: TelemetryQueries {
    func windows(_ wanted: WindowsWanted, scope: AccountScope) async throws(QueryError) -> [MetricWindow] {
        var rows = ViewRows<TelemetryHour>()
        for event in try await events("device")[wanted.device] ?? [] {
            try? TelemetryProjection.evolve(&rows, with: event)
        }
        var windows: [WindowsWanted.Place: MetricWindow] = [:]
        for row in rows.changed {
            guard scope.includes(AccountID(row.account)),
                wanted.metrics.contains(where: { row.metric == $0 || row.metric.hasPrefix($0 + ".") })
            else { continue }
            let parts = wanted.resolution == .minute ? row.windows : [(start: row.start, summary: row.summary)]
            for part in parts where wanted.from <= part.start && part.start < wanted.to {
                let day: Int64 = 86_400_000_000
                let start =
                    wanted.resolution == .day
                    ? Timestamp(microseconds: part.start.microseconds / day * day) : part.start
                let window = MetricWindow(
                    metric: row.metric, start: start, account: row.account, summary: part.summary)
                if windows[window.place]?.summary.merge(part.summary) == nil { windows[window.place] = window }
            }
        }
        return Array(
            windows.values.sorted { $0.place < $1.place }
                .filter { window in wanted.after.map { $0 < window.place } ?? true }.prefix(wanted.limit))
    }
}

extension FoldedQueries {
    func minutes(
        of metric: String, device: String, from: Timestamp, to: Timestamp, scope: AccountScope
    ) async throws(QueryError) -> [MinuteSum] {
        // Of no more than a week, and the window before it, may anybody have them read.
        guard to - from <= .seconds(8 * 86_400) else { throw .unavailable(reason: "a question without bounds") }
        let wanted = WindowsWanted(
            device: device, metrics: [metric], resolution: .minute, from: from, to: to, after: nil, limit: .max)
        return try await windows(wanted, scope: scope).filter { $0.metric == metric }.map {
            MinuteSum(
                start: $0.start, count: $0.summary.count, sum: $0.summary.sum, unsummed: $0.summary.unsummed)
        }
    }
}

extension FoldedQueries: FleetOverviewQueries {
    func fleetCounts() async throws(QueryError) -> [FleetCount] {
        try await devices(scope: .all, where: DeviceFilter(), after: nil, limit: .max).map { device in
            var count = FleetCount(
                account: device.account, type: device.type, state: device.state,
                presence: device.connectivity.presence, devices: 1)
            count.drifted = device.clock.drift == nil ? 0 : 1
            count.readings = device.telemetryCount
            count.duplicates = device.duplicateCount
            count.flagged = device.flaggedCount
            count.refused = device.refusedCount
            count.late = device.lateCount
            return count
        }
    }

    func recentTraffic() async throws(QueryError) -> [StreamTraffic] {
        try await events("device").values.compactMap { events in
            guard let last = events.last else { return nil }
            let messages = events.filter { $0.type == "TelemetryRecorded" }.count
            return StreamTraffic(
                stream: last.stream.description, account: last.metadata.account, events: Int64(events.count),
                messages: Int64(messages), seconds: 60)
        }
    }

    func alertCounts() async throws(QueryError) -> [AlertCount] {
        try await alerts(AlertFilter(), scope: .all, after: nil, limit: .max).map {
            AlertCount(account: $0.account, state: $0.state, severity: $0.severity, alerts: 1)
        }
    }
}
