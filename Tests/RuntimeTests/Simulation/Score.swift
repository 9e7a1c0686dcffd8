@testable import Runtime

struct ScoreCommand: Sendable {
    /// Each leads to an event, but 0 to none.
    var amounts: [Int]
    /// Leads to an event that the database refuses.
    var isCursed = false
}

enum ScoreEvent: Sendable {
    struct Added: Codable, Sendable { var amount: Int }
    struct Cursed: Codable, Sendable {}

    case added(Added)
    case cursed(Cursed)
}

struct ScoreState: Codable, Sendable, Equatable {
    var sum = 0
    /// Tells also in which order the amounts came.
    var digest: UInt32 = 0
}

enum ScoreRejection: Error { case negative }

/// The aggregate of the simulation: a sum that may not become negative.
protocol Score: Decider
where Command == ScoreCommand, Event == ScoreEvent, State == ScoreState, Rejection == ScoreRejection {}

extension Score {
    static var stateVersion: Int32 { 1 }
    static var initial: ScoreState { ScoreState() }
    static var codec: EventCodec<ScoreEvent> { scoreCodec }

    static func account(of state: ScoreState) -> AccountID { .default }

    static func decide(
        _ command: ScoreCommand, in state: ScoreState, context: CommandContext
    ) throws(ScoreRejection) -> [ScoreEvent] {
        if command.isCursed { return [.cursed(.init())] }
        var sum = state.sum
        for amount in command.amounts {
            sum += amount
            if sum < 0 { throw .negative }
        }
        return command.amounts.filter { $0 != 0 }.map { .added(.init(amount: $0)) }
    }

    static func evolve(_ state: inout ScoreState, with event: ScoreEvent, observedAt time: Timestamp) {
        guard case .added(let added) = event else { return }
        state.sum += added.amount
        state.digest = state.digest &* 31 &+ UInt32(truncatingIfNeeded: added.amount)
    }

    static func snapshotInterval(for state: ScoreState) -> Int64 { 4 }
}

private let scoreCodec = EventCodec<ScoreEvent>([
    .init("Added", wrap: ScoreEvent.added) { if case .added(let fact) = $0 { fact } else { nil } },
    .init("Cursed", wrap: ScoreEvent.cursed) { if case .cursed(let fact) = $0 { fact } else { nil } },
])

/// Written by one server as a rule.
enum OwnScore: Score { static let category = "own" }

/// Written by several as a matter of course.
enum CommonScore: Score {
    static let category = "common"
    static let isWrittenByMany = true
}
