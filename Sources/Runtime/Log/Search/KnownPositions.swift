import Synchronization

/// Where the log was at instants that were asked for. Once it has gone on it was there for ever: positions are recorded one
/// after the other, and recorded time never decreases along them.
final class KnownPositions: Sendable {
    /// Some two megabytes.
    private static let capacity = 50_000

    private struct Question: Hashable {
        let time: Timestamp
        let slack: Duration
    }

    private let positions = Mutex<[Question: Int64]>([:])

    /// What to ask instead of a question that may be answered with so much slack: with half of it, an instant that others who
    /// ask about the same time ask for, too.
    static func question(_ time: Timestamp, within slack: Duration) -> (time: Timestamp, slack: Duration) {
        let grid = Int64(slack / .microseconds(2))
        guard grid > 0 else { return (time, slack) }
        let (quotient, remainder) = time.microseconds.quotientAndRemainder(dividingBy: grid)
        return (Timestamp(microseconds: (remainder < 0 ? quotient - 1 : quotient) * grid), .microseconds(grid))
    }

    func position(at time: Timestamp, within slack: Duration) -> Int64? {
        positions.withLock { $0[Question(time: time, slack: slack)] }
    }

    func keep(_ position: Int64, at time: Timestamp, within slack: Duration) {
        positions.withLock { positions in
            if positions.count >= Self.capacity { positions.removeAll(keepingCapacity: true) }
            positions[Question(time: time, slack: slack)] = position
        }
    }
}
