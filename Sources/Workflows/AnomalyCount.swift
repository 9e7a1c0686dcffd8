import Aggregates
import Metrics

/// Counts alerts where they are raised: upon the first acceptance of the command, not upon its repetitions.
enum AnomalyCount {
    static func note(_ accepted: OutgoingCommand) {
        guard case .alert(_, .raise(let alert)) = accepted else { return }
        Counter(label: "anomaly_events_total", dimensions: [("kind", alert.kind)]).increment()
    }
}
