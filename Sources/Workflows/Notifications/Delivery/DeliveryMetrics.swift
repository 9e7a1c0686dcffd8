import Metrics

/// The figures of deliveries.
struct DeliveryMetrics: Sendable {
    private let pendingDeliveries = Gauge(label: "fleetlog_deliveries_pending")
    private let dead = Counter(label: "fleetlog_deliveries_dead_total")

    func pending(_ count: Int64) { pendingDeliveries.record(count) }

    func note(_ finished: FinishedDelivery) {
        Counter(
            label: "fleetlog_delivery_attempts_total",
            dimensions: [("outcome", finished.result.outcome.rawValue)]
        ).increment()
        if finished.state == .dead { dead.increment() }
    }
}
