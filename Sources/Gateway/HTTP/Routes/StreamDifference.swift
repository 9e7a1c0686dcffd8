import Aggregates
import Hummingbird
import Runtime

/// Compares one aggregate at two instants, and goes through the events between them.
struct StreamDifference<D: Decider>: Sendable {
    /// What a client would read of it, from its id, its memory and its first event.
    typealias Answer = @Sendable (String, AggregateMemory<D>, RecordedEvent) throws(Problem) -> JSONTree

    let store: any EventStore
    let directory: Directory<D>
    /// The answer if there was no such thing, or not for this caller.
    let missing: Problem
    let answer: Answer

    /// How many events one answer looks at; a device that reports each minute has as many in a week.
    private var eventLimit: Int64 { 10_000 }
    /// What every event changes.
    private var constant: Set<String> { ["/version", "/streamVersion", "/changedTime"] }

    func respond(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow("from", "to")
        let id = exchange.parameter("id")
        let (from, to) = try exchange.query.instants(now: exchange.time)
        guard let stream = StreamName("\(D.category)-\(id)") else { throw missing }
        // Before anything is done for it: another account's costs as much as one that does not exist.
        if caller.scope != .all, try await !store.shows(stream, to: caller.scope) { throw missing }
        let end = try await directory.past(id, at: .recorded(to), for: caller, missing: missing)
        exchange.shows(stream.description, of: D.account(of: end.state))
        let first = try await store.firstEvent(of: D.category, id, missing: missing)
        var memory = try await beginning(id, at: from)
        func shown(_ memory: AggregateMemory<D>) throws(Problem) -> JSONTree {
            // Before it was there, and while it was another account's, there is nothing to be seen.
            guard memory.version > 0, caller.scope.includes(D.account(of: memory.state)) else { return .object([:]) }
            return try answer(id, memory, first)
        }
        var state = try shown(memory)
        var difference = DifferenceAnswer(
            from: .init(time: from, version: memory.version), to: .init(time: to, version: end.version),
            changes: state.differences(to: try shown(end)))
        guard end.version - memory.version <= eventLimit else { return try .json(difference) }
        var steps: [DifferenceAnswer.Step] = []
        for event in try await events(of: id, after: memory, through: end.version) {
            do throws(EventCodecError) {
                try memory.fold(event)
            } catch {
                throw Problem(EventStoreError.corrupt(position: event.position, reason: String(describing: error)))
            }
            let next = try shown(memory)
            let changes = state.differences(to: next).filter { !constant.contains($0.field) }
            state = next
            if changes.isEmpty || !caller.scope.includes(event.metadata.account) { continue }
            steps.append(DifferenceAnswer.Step(event, changes))
        }
        difference.steps = steps
        return try .json(difference)
    }

    /// What it was at the instant; an empty memory if it was not there yet.
    private func beginning(_ id: String, at time: Timestamp) async throws(Problem) -> AggregateMemory<D> {
        let past: PastMemory<D>
        do throws(DispatchError<D.Rejection>) {
            past = try await directory.recall(id, at: .recorded(time))
        } catch {
            throw Problem(undecided: error)
        }
        switch past {
        case .stood(let memory): return memory
        case .nothingYet, .notReached: return AggregateMemory()
        case .retained(let version): throw .retained(through: version)
        }
    }

    private func events(
        of id: String, after memory: AggregateMemory<D>, through version: Int64
    ) async throws(Problem) -> [RecordedEvent] {
        var place = StreamPlace(
            StreamName(category: D.category, id: id), at: memory.version, position: memory.position)
        var events: [RecordedEvent] = []
        do throws(EventStoreError) {
            while place.version < version {
                let page = try await store.readTail(place, limit: Int(min(1_000, version - place.version)))
                guard let last = page.last else { break }
                events += page
                place = StreamPlace(place.stream, at: last.version, position: last.position)
            }
        } catch {
            throw Problem(error)
        }
        return events
    }
}

extension QueryParameters {
    /// Two instants, of which the first must be given; the second is now without it.
    func instants(now: Timestamp) throws(Problem) -> (from: Timestamp, to: Timestamp) {
        let span = try span()
        guard let from = span.from else {
            throw .malformed("from", "from must be given: an RFC 3339 time such as 2026-11-21T08:00:00Z.")
        }
        let to = span.to ?? now
        guard from <= to else { throw .malformed("from", "from must not lie in the future.") }
        return (from, to)
    }
}
