import Runtime

/// Which reads the log has from this process of late, so that a page which asks every second makes one event an hour.
///
/// What is forgotten is recorded once more; nothing is ever taken for recorded that is not.
struct ReadMemory: Sendable {
    private let window: Duration
    private let capacity: Int
    private var recorded: [PersonalRead: ContinuousClock.Instant] = [:]

    init(window: Duration, capacity: Int) {
        self.window = window
        self.capacity = capacity
    }

    var count: Int { recorded.count }

    func holds(_ read: PersonalRead, at now: ContinuousClock.Instant) -> Bool {
        recorded[read].map { now - $0 < window } ?? false
    }

    mutating func keep(_ read: PersonalRead, at now: ContinuousClock.Instant) {
        if recorded[read] == nil, recorded.count >= capacity {
            recorded = recorded.filter { now - $0.value < window }
            // A look through all of it for each read would cost more than to record some of them again.
            if recorded.count > capacity * 3 / 4 { recorded.removeAll() }
        }
        recorded[read] = now
    }
}
