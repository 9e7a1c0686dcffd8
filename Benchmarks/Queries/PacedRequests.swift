import Foundation
import Synchronization

/// Requests that are due at fixed times, whether or not those before them are answered, over a few connections that take
/// turns; each takes from the time at which it was due.
struct PacedRequests: Sendable {
    let questions: QueryMixture
    let pace: Pace
    /// The number of the first question.
    let start: Int

    private static let connections = 32

    /// What was seen, by kind of question.
    func run(on gateway: ServedGateway) async throws -> [String: Latencies] {
        let begin = ContinuousClock.now + .milliseconds(100)
        let next = NextRequest(count: pace.count)
        return try await withThrowingTaskGroup(of: [String: Latencies].self) { group in
            for _ in 0..<Self.connections {
                group.addTask { try await onThreadOfItsOwn { try lane(next, from: begin, gateway) } }
            }
            return try await group.reduce(into: [:]) { all, lane in
                for (kind, latencies) in lane { all[kind, default: Latencies()].add(latencies) }
            }
        }
    }

    /// Takes whichever request is due next, so that a slow answer holds up none but its own connection.
    private func lane(
        _ next: NextRequest, from begin: ContinuousClock.Instant, _ gateway: ServedGateway
    ) throws -> [String: Latencies] {
        let requests = try PlainRequests(to: gateway)
        var latencies: [String: Latencies] = [:]
        while let number = next.take() {
            let due = begin + pace.delay(of: number)
            Thread.sleep(forTimeInterval: max(0, (due - .now) / .seconds(1)))
            let question = questions.question(start + number)
            try requests.get(question.path)
            if pace.isCounted(number) {
                latencies[question.kind.rawValue, default: Latencies()].add(.now - due)
            }
        }
        return latencies
    }
}

/// Deals requests to whoever is free.
private final class NextRequest: Sendable {
    private let number = Atomic(0)
    private let count: Int

    init(count: Int) { self.count = count }

    func take() -> Int? {
        let taken = number.add(1, ordering: .relaxed).oldValue
        return taken < count ? taken : nil
    }
}
