import Support

@testable import Runtime

/// Compares what was seen in a schedule with what is stored at its end.
struct SimulationChecks {
    let simulation: Simulation
    let log: SimulatedLog
    let operations: [SimulatedOperation]
    let attempts: [Int: [SimulatedAttempt]]
    let past: [StreamName: StreamPast]
    let traces: [Int: [OperationTrace]]

    init(_ simulation: Simulation) {
        self.simulation = simulation
        log = simulation.database.log
        operations = simulation.record.operations
        attempts = Dictionary(grouping: simulation.record.attempts, by: \.operation)
        var past: [StreamName: StreamPast] = [:]
        for stream in simulation.ownStreams { past[stream] = StreamPast(log.stream(stream), as: OwnScore.self) }
        for stream in simulation.commonStreams { past[stream] = StreamPast(log.stream(stream), as: CommonScore.self) }
        self.past = past
        traces = Dictionary(grouping: OperationTrace.all(in: past.values.map(\.events)), by: \.operation)
    }

    /// What is wrong; empty if all is well.
    var anomalies: [String] {
        gaps + operations.flatMap(anomalies) + history + memories + snapshots + followers
    }

    /// Positions and versions from 1 on, without gaps.
    private var gaps: [String] {
        var found: [String] = []
        var versions: [StreamName: Int64] = [:]
        for (index, event) in log.events.enumerated() {
            let version = versions[event.stream, default: 0] + 1
            versions[event.stream] = version
            if event.position != Int64(index) + 1 { found.append("gap: position \(event.position)") }
            if event.version != version { found.append("gap: \(event.stream) has \(event.version) at \(version)") }
        }
        return found
    }

    /// Lost, unexpected, duplicated, reordered: each writer's commands to each stream, in the order it sent them.
    private var history: [String] {
        var history = SentHistory()
        func name(_ operation: SimulatedOperation, _ stream: StreamName) -> SentHistory.Operation {
            .init("writer \(operation.writer) to \(stream)", operation.number)
        }
        for operation in operations where operation.command.amounts.contains(where: { $0 != 0 }) {
            let outcomes = (attempts[operation.number] ?? []).map(\.outcome)
            for stream in operation.streams {
                if outcomes.contains(where: \.isAccepted) {
                    history.acknowledged.insert(name(operation, stream))
                } else if outcomes.contains(where: \.isUnknown) {
                    history.uncertain.insert(name(operation, stream))
                }
            }
        }
        let read = traces.values.joined().sorted { $0.positions.lowerBound < $1.positions.lowerBound }.map {
            name(operations[$0.operation], $0.stream)
        }
        return history.anomalies(inLog: read).map(\.description)
    }

    /// What anybody was shown is what a fold gives, and not older than what had been promised.
    private var memories: [String] {
        simulation.record.readings.flatMap { reading -> [String] in
            let what = "memory: \(reading.what) of \(reading.stream) at \(reading.version)"
            var found: [String] = []
            if reading.version < reading.least { found.append("\(what) is older than \(reading.least)") }
            guard let expected = past[reading.stream]?[reading.version] else { return found + ["\(what) is not there"] }
            if expected.state != reading.state || expected.position != reading.position {
                found.append("\(what) is \(reading.state), the fold is \(expected.state)")
            }
            let common = min(expected.recent.count, reading.recent.count)
            if expected.recent.suffix(common) != reading.recent.suffix(common) {
                found.append("\(what) remembers other commands than the fold")
            }
            return found
        }
    }

    private var snapshots: [String] {
        simulation.snapshots.all.compactMap { snapshot in
            guard let memory = AggregateMemory<OwnScore>(snapshot) else { return "snapshot: unreadable" }
            guard let expected = past[snapshot.stream]?[snapshot.version] else {
                return "snapshot: of \(snapshot.stream) at \(snapshot.version), which is not there"
            }
            return expected.state == memory.state && expected.position == memory.position
                ? nil : "snapshot: of \(snapshot.stream) at \(snapshot.version) is not the fold"
        }
    }

    /// Every event once and in order.
    private var followers: [String] {
        (0..<2).compactMap { follower in
            let followed = simulation.record.followed(follower)
            if followed == log.events { return nil }
            return "follower: \(follower) was given \(followed.map(\.position))"
        }
    }
}

extension SimulatedAttempt.Outcome {
    var isAccepted: Bool { if case .accepted = self { true } else { false } }
    var isUnknown: Bool { if case .unknown = self { true } else { false } }
}
