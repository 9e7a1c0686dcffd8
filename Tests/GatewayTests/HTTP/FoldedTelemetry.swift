import Aggregates
import Projections
import Runtime

extension FoldedQueries: TelemetryQueries {
    func windows(_ wanted: WindowsWanted, scope: AccountScope) async throws(QueryError) -> [MetricWindow] {
        var rows: [String: TelemetryWindow] = [:]
        for event in try await events("device")[wanted.device] ?? [] {
            try? TelemetryProjection.evolve(&rows, with: event)
        }
        let length: WindowLength = wanted.resolution == .minute ? .minute : .hour
        var windows: [WindowsWanted.Place: MetricWindow] = [:]
        for row in rows.values where row.length == length && wanted.from <= row.start && row.start < wanted.to {
            guard scope.includes(AccountID(row.account)),
                wanted.metrics.contains(where: { row.metric == $0 || row.metric.hasPrefix($0 + ".") })
            else { continue }
            let day: Int64 = 86_400_000_000
            let start =
                wanted.resolution == .day
                ? Timestamp(microseconds: row.start.microseconds / day * day) : row.start
            let window = MetricWindow(metric: row.metric, start: start, account: row.account, summary: row.summary)
            if windows[window.place]?.summary.merge(row.summary) == nil { windows[window.place] = window }
        }
        func key(_ place: WindowsWanted.Place) -> (String, Timestamp, String) {
            (place.metric, place.start, place.account)
        }
        return Array(
            windows.values.sorted { key($0.place) < key($1.place) }
                .filter { window in wanted.after.map { key($0) < key(window.place) } ?? true }.prefix(wanted.limit))
    }
}
