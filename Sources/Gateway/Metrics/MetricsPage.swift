import Metrics
import Projections

/// What `/metrics` shows: everything counted so far, and gauges read at this moment.
struct MetricsPage: Sendable {
    let metrics: PrometheusMetrics
    let queries: any FleetQueries
    let progress: ViewProgress
    let streams: StreamSlots

    func render() async -> [UInt8] {
        Gauge(label: "http_event_streams", factory: metrics).record(streams.count)
        if let drifted = try? await queries.driftedClocks() {
            Gauge(label: "fleetlog_drifted_clocks", factory: metrics).record(drifted)
        }
        // While the views cannot be read, the last known tether stands.
        for status in (try? await queries.projections()) ?? [] {
            let view = [("view", status.name)]
            Gauge(label: "view_tether_length", dimensions: view, factory: metrics).record(status.tether.events)
            Gauge(label: "view_tether_seconds", dimensions: view, factory: metrics).record(status.tether.seconds)
            Gauge(label: "view_rate", dimensions: view, factory: metrics).record(progress.rate(of: status.name))
            if let content = status.content {
                Gauge(label: "view_rows", dimensions: view, factory: metrics).record(content.rowCount)
            }
            Gauge(label: "view_stuck_entities", dimensions: view, factory: metrics).record(status.stuckCount)
            Gauge(label: "view_paused", dimensions: view, factory: metrics)
                .record(status.state == .paused || status.state == .failed ? 1 : 0)
        }
        return Array(metrics.text.utf8)
    }
}
