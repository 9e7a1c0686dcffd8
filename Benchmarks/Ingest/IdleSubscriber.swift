import Installation
import Synchronization

/// A subscriber that does nothing but acknowledge: what the broker could do without Fleetlog behind it.
struct IdleSubscriber: Sendable {
    let broker: PrivateBroker

    /// Lends the number of messages received so far to `body`.
    func run<Value: Sendable>(
        _ body: (@escaping @Sendable () -> Int) async throws -> Value
    ) async throws -> Value {
        let tally = PlainClient.Tally()
        let isOver = Flag()
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await onThreadOfItsOwn {
                    let client = try PlainClient(to: broker, as: "bench-subscriber", inFlight: 4_000, tally)
                    try client.subscribe(to: "devices/+/telemetry")
                    while !isOver.isSet { try client.turn(milliseconds: 20) }
                }
            }
            defer { isOver.set() }
            try await until("the subscriber is there") { tally.isSubscribed.load(ordering: .acquiring) }
            return try await body { tally.received.load(ordering: .relaxed) }
        }
    }
}

private final class Flag: Sendable {
    private let value = Atomic(false)
    var isSet: Bool { value.load(ordering: .acquiring) }
    func set() { value.store(true, ordering: .releasing) }
}

/// Asks again and again, for 30 seconds at most.
func until(
    _ what: String, within limit: Duration = .seconds(30), _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < deadline else { throw BenchmarkFailed("waited in vain until \(what)") }
        try await Task.sleep(for: .milliseconds(10))
    }
}
