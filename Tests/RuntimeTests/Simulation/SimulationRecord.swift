@testable import Runtime

#if !SANITIZE_THREAD
    import Synchronization
#endif

/// What writers, readers and followers have seen in a schedule.
final class SimulationRecord: Sendable {
    /// A memory that somebody was shown.
    struct Reading: Sendable {
        var what: String
        var stream: StreamName
        var version: Int64
        var position: Int64
        var state: ScoreState
        var recent: [RecentCommands.Entry]
        /// What it must not be older than.
        var least: Int64
    }

    private struct State {
        var operations: [SimulatedOperation] = []
        var attempts: [SimulatedAttempt] = []
        var readings: [Reading] = []
        var acknowledged: [Int: [StreamName: Int64]] = [:]
        var followed: [Int: [RecordedEvent]] = [:]
        var anomalies: [String] = []
    }
    private let state = Mutex(State())

    var operations: [SimulatedOperation] { state.withLock { $0.operations } }
    var attempts: [SimulatedAttempt] { state.withLock { $0.attempts } }
    var readings: [Reading] { state.withLock { $0.readings } }
    var anomalies: [String] { state.withLock { $0.anomalies } }

    func note(anomaly: String) { state.withLock { $0.anomalies.append(anomaly) } }

    func add(_ make: (Int) -> SimulatedOperation) -> SimulatedOperation {
        let operation = make(state.withLock { $0.operations.count })
        state.withLock { $0.operations.append(operation) }
        return operation
    }

    func add(_ attempt: SimulatedAttempt) {
        state.withLock { state in
            state.attempts.append(attempt)
            guard case .accepted(let effect, let receipts) = attempt.outcome, effect != .duplicate else { return }
            for receipt in receipts.values {
                let known = state.acknowledged[attempt.server]?[receipt.stream] ?? 0
                state.acknowledged[attempt.server, default: [:]][receipt.stream] = max(known, receipt.version)
            }
        }
    }

    /// The newest version of the stream that the server has told anybody of.
    func acknowledged(_ stream: StreamName, by server: SimulatedServer) -> Int64 {
        state.withLock { $0.acknowledged[server.number]?[stream] ?? 0 }
    }

    func add<D: Score>(_ what: String, of stream: StreamName, _ memory: AggregateMemory<D>, least: Int64 = 0) {
        let reading = Reading(
            what: what, stream: stream, version: memory.version, position: memory.position, state: memory.state,
            recent: memory.recentCommands.entries, least: least)
        state.withLock { $0.readings.append(reading) }
    }

    func follow(_ follower: Int, _ events: [RecordedEvent]) {
        state.withLock { $0.followed[follower, default: []] += events }
    }

    func followed(_ follower: Int) -> [RecordedEvent] { state.withLock { $0.followed[follower] ?? [] } }
}
