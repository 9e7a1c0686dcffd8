import Metrics
import Runtime

/// The figures of the runner.
final class RunnerMetrics: Sendable {
    private let events = Counter(label: "fleetlog_workflow_events_total")
    private let decisions = Counter(label: "fleetlog_workflow_decisions_total")
    private let fired = Counter(label: "fleetlog_workflow_timers_fired_total")
    private let lateness = Recorder(label: "fleetlog_workflow_timer_lateness_seconds")
    private let tether = Gauge(label: "view_tether_length", dimensions: [("view", "workflows")])
    private let commands: [String: Counter]

    init() {
        let outcomes = ["accepted", "unchanged", "duplicate", "rejected", "unavailable", "invalid"]
        commands = Dictionary(
            uniqueKeysWithValues: outcomes.map {
                ($0, Counter(label: "fleetlog_workflow_commands_total", dimensions: [("outcome", $0)]))
            })
    }

    func recorded(_ step: RunnerStep) {
        decisions.increment(by: step.decisions)
        fired.increment(by: step.fired)
    }

    func took(events count: Int, tether length: Int64) {
        events.increment(by: count)
        tether.record(max(0, length))
    }

    func fired(after time: Duration) { lateness.record(max(0, time / .seconds(1))) }
    func sent(_ outcome: String, _ count: Int) { commands[outcome]?.increment(by: count) }

    func stopped(_ count: Int, of workflow: String) {
        Gauge(label: "fleetlog_workflow_stopped_instances", dimensions: [("workflow", workflow)]).record(count)
    }
}
