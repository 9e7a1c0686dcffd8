import Metrics

/// The figures of the feed.
struct FeedMetrics: Sendable {
    enum Origin: String, CaseIterable { case memory, store, stream }

    private let position = Gauge(label: "fleetlog_feed_position")
    private let kept = Gauge(label: "fleetlog_feed_kept_events")
    private let memory = Self.counter(.memory)
    private let store = Self.counter(.store)
    private let stream = Self.counter(.stream)

    private static func counter(_ origin: Origin) -> Counter {
        Counter(label: "fleetlog_feed_pages_total", dimensions: [("from", origin.rawValue)])
    }

    func took(upTo end: Int64, kept count: Int) {
        position.record(end)
        kept.record(count)
    }

    func served(_ origin: Origin) {
        switch origin {
        case .memory: memory.increment()
        case .store: store.increment()
        case .stream: stream.increment()
        }
    }
}
