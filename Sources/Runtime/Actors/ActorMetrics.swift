internal import Metrics

/// The figures of one directory's actors.
struct ActorMetrics: Sendable {
    private let awake: Gauge
    private let bytes: Gauge
    private let idle: Counter
    private let memory: Counter

    init(category: String) {
        let dimensions = [("category", category)]
        awake = Gauge(label: "fleetlog_actors_awake", dimensions: dimensions)
        bytes = Gauge(label: "fleetlog_actor_bytes", dimensions: dimensions)
        func counter(_ cause: PassivationCause) -> Counter {
            Counter(label: "fleetlog_actor_evictions_total", dimensions: dimensions + [("cause", cause.rawValue)])
        }
        idle = counter(.idle)
        memory = counter(.memory)
    }

    func note(awake count: Int, bytes total: Int) {
        awake.record(count)
        bytes.record(total)
    }

    func retired(_ count: Int, _ cause: PassivationCause) {
        switch cause {
        case .idle: idle.increment(by: count)
        case .memory: memory.increment(by: count)
        }
    }
}
