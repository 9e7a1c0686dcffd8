import Aggregates
import HTTPTypes
import Hummingbird
import Projections
import Runtime

/// What has become otherwise between two instants, and by which events.
struct DifferenceRoutes: Sendable {
    let store: any EventStore
    let devices: Directory<Device>

    /// How many events one answer looks at; a device that reports each minute has as many in a week.
    private static let eventLimit = 10_000

    var all: [Route] { [.guarded(.get, "/api/v1/devices/{id}/diff", needs: .readLog, device)] }

    private func device(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow("from", "to")
        let id = exchange.parameter("id")
        let span = try exchange.query.span()
        guard let from = span.from else {
            throw .malformed("from", "from must be given: an RFC 3339 time such as 2026-11-21T08:00:00Z.")
        }
        let to = span.to ?? exchange.time
        let end = try await devices.past(id, at: .recorded(to), for: caller, missing: .noDevice)
        let registered = try await store.firstEvent(of: Device.category, id, missing: .noDevice).recordedTime
        var memory = try await beginning(id, at: from)
        func answer(_ memory: AggregateMemory<Device>) throws(Problem) -> JSONTree {
            // Before it was registered, and while it was another account's, there is nothing to be seen.
            guard memory.version > 0, caller.scope.includes(memory.state.account) else { return .object([:]) }
            let row = DeviceRow(id: id, memory, registeredTime: registered, lastSeenTime: nil)
            do {
                return try JSONTree(of: DeviceAnswer(row))
            } catch {
                throw .internalFailure(cause: "an answer cannot be compared: \(error)")
            }
        }
        var difference = DifferenceAnswer(
            from: .init(time: from, version: memory.version), to: .init(time: to, version: end.version),
            changes: try answer(memory).differences(to: try answer(end)))
        guard end.version - memory.version <= Self.eventLimit else { return try .json(difference) }
        var (state, steps) = (try answer(memory), [DifferenceAnswer.Step]())
        for event in try await events(of: id, after: memory, through: end.version) {
            do throws(EventCodecError) {
                try memory.fold(event)
            } catch {
                throw Problem(EventStoreError.corrupt(position: event.position, reason: String(describing: error)))
            }
            let next = try answer(memory)
            let changes = state.differences(to: next).filter { $0.field != "/version" }
            state = next
            if changes.isEmpty || !caller.scope.includes(event.metadata.account) { continue }
            steps.append(DifferenceAnswer.Step(event, changes))
        }
        difference.steps = steps
        return try .json(difference)
    }

    /// The device at the instant; an empty memory if it was not there yet.
    private func beginning(_ id: String, at time: Timestamp) async throws(Problem) -> AggregateMemory<Device> {
        let past: PastMemory<Device>
        do throws(DispatchError<Device.Rejection>) {
            past = try await devices.recall(id, at: .recorded(time))
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
        of id: String, after memory: AggregateMemory<Device>, through version: Int64
    ) async throws(Problem) -> [RecordedEvent] {
        var place = StreamPlace(
            StreamName(category: Device.category, id: id), at: memory.version, position: memory.position)
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

struct DifferenceAnswer: Encodable {
    struct Instant: Encodable {
        var time: Timestamp
        /// 0 if it was not there yet.
        var version: Int64
    }

    /// What one event has changed.
    struct Step: Encodable {
        var id: UUID128
        var version: Int64
        var type: String
        var time: Timestamp
        var recordedTime: Timestamp
        var principal: String
        var changes: [FieldDifference]

        init(_ event: RecordedEvent, _ changes: [FieldDifference]) {
            (id, version, type) = (event.id, event.version, event.type)
            (time, recordedTime) = (event.observedTime, event.recordedTime)
            principal = event.metadata.principal.description
            self.changes = changes
        }
    }

    var from: Instant
    var to: Instant
    var changes: [FieldDifference]
    /// Event by event; nil if there are too many.
    var steps: [Step]?
}
