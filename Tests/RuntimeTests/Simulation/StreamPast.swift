@testable import Runtime

/// What a fold of a stream gives at each of its versions.
struct StreamPast {
    struct Place {
        var state: ScoreState
        var position: Int64
        var recent: [RecentCommands.Entry]
    }

    let events: [RecordedEvent]
    private var places: [Place]

    init<D: Score>(_ events: [RecordedEvent], as type: D.Type) {
        self.events = events
        var memory = AggregateMemory<D>()
        places = [Place(state: memory.state, position: 0, recent: [])]
        for event in events {
            // One that cannot be read is no state, and is found by all who compare with it.
            try? memory.fold(event)
            places.append(
                Place(state: memory.state, position: memory.position, recent: memory.recentCommands.entries))
        }
    }

    subscript(version: Int64) -> Place? {
        places.indices.contains(Int(version)) ? places[Int(version)] : nil
    }
}

/// The events in one stream that one delivery of a command has left.
struct OperationTrace {
    let operation: Int
    let stream: StreamName
    private(set) var versions: ClosedRange<Int64>
    private(set) var positions: ClosedRange<Int64>
    private(set) var amounts: [Int]

    /// - Parameter streams: the events of each.
    static func all(in streams: [[RecordedEvent]]) -> [OperationTrace] {
        streams.flatMap { events in
            var traces: [OperationTrace] = []
            for event in events {
                guard let number = SimulatedOperation.number(event.metadata.commandID) else { continue }
                let amount = if case .added(let added)? = try? OwnScore.codec.decode(event) { added.amount } else { 0 }
                if let last = traces.last, last.operation == number,
                    last.positions.upperBound + 1 == event.position
                {
                    traces[traces.count - 1].versions = last.versions.lowerBound...event.version
                    traces[traces.count - 1].positions = last.positions.lowerBound...event.position
                    traces[traces.count - 1].amounts.append(amount)
                } else {
                    traces.append(
                        OperationTrace(
                            operation: number, stream: event.stream, versions: event.version...event.version,
                            positions: event.position...event.position, amounts: [amount]))
                }
            }
            return traces
        }
    }
}
