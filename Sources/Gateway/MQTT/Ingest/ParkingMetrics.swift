import Metrics
import Runtime

/// How much is parked, and for how long already.
struct ParkingMetrics: Sendable {
    private let messages = Gauge(label: "fleetlog_parked_messages")
    private let oldest = Gauge(label: "fleetlog_parked_oldest_seconds")

    init() { note([:], at: .now()) }

    func note(_ queues: [String: ParkedQueue], at now: Timestamp) {
        messages.record(queues.values.reduce(0) { $0 + $1.count })
        oldest.record(queues.values.map(\.oldest).min().map { max(0, (now - $0) / .seconds(1)) } ?? 0)
    }
}
