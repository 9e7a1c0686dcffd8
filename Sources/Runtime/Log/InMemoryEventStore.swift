import Synchronization

/// The log in memory: the reference that the contract suite holds the Postgres store against.
package final class InMemoryEventStore: EventStore {
    private struct State {
        var log: [RecordedEvent] = []
        var positions: [StreamName: [Int]] = [:]
        var ids: Set<UUID128> = []
        var acceptances: [UUID128: [RecordedAcceptance]] = [:]
    }
    private let state = Mutex(State())
    private let now: @Sendable () -> Timestamp
    package let signal = LogSignal()

    package init(now: @escaping @Sendable () -> Timestamp = { .now() }) { self.now = now }

    package func append(_ append: Append) async throws(EventStoreError) -> AppendOutcome {
        if let reason = append.malformation { throw .invalid(reason: reason, sqlState: nil) }
        let answer = state.withLock { state -> Result<AppendOutcome, EventStoreError> in
            let claims = append.changes.map { StreamVersion($0.stream, at: $0.expectedVersion) } + append.conditions
            let moved = claims.compactMap { claim -> StreamVersion? in
                let actual = Int64(state.positions[claim.stream]?.count ?? 0)
                return actual == claim.version ? nil : StreamVersion(claim.stream, at: actual)
            }
            if !moved.isEmpty { return .success(.conflict(moved)) }
            let ids = append.changes.flatMap { $0.events.map(\.id) }
            guard Set(ids).count == ids.count, state.ids.isDisjoint(with: ids) else {
                return .failure(.invalid(reason: "event id already used", sqlState: "23505"))
            }
            for new in append.acceptances {
                if state.acceptances[new.command]?.contains(where: { $0.stream == new.stream }) ?? false {
                    return .failure(.invalid(reason: "command already accepted", sqlState: "23505"))
                }
            }
            let recordedTime = max(now(), state.log.last?.recordedTime ?? Timestamp(microseconds: 0))
            let first = Int64(state.log.count) + 1
            for change in append.changes {
                for (offset, event) in change.events.enumerated() {
                    state.log.append(
                        RecordedEvent(
                            position: Int64(state.log.count) + 1, stream: change.stream,
                            version: change.expectedVersion + Int64(offset) + 1, recordedTime: recordedTime,
                            event: event))
                    state.positions[change.stream, default: []].append(state.log.count - 1)
                }
            }
            state.ids.formUnion(ids)
            for new in append.acceptances {
                let last = new.version > 0 ? state.positions[new.stream]?[Int(new.version) - 1] : nil
                state.acceptances[new.command, default: []].append(
                    RecordedAcceptance(new, position: last.map { Int64($0) + 1 } ?? 0))
            }
            return .success(
                .accepted(
                    AppendReceipt(firstPosition: first, eventCount: ids.count, recordedTime: recordedTime)))
        }
        let outcome = try answer.get()
        if case .accepted(let receipt) = outcome, receipt.eventCount > 0 {
            signal.advance(
                from: receipt.firstPosition - 1, to: receipt.lastPosition,
                by: Set(append.changes.map(\.stream.category)))
        }
        return outcome
    }

    package func readStream(
        _ stream: StreamName, from version: Int64, after position: Int64, limit: Int
    ) async throws(EventStoreError) -> [RecordedEvent] {
        state.withLock { state in
            let positions = state.positions[stream] ?? []
            return positions.dropFirst(Int(max(0, version - 1))).prefix(limit).map { state.log[$0] }
        }
    }

    package func readLog(
        after position: Int64, where filter: LogFilter, limit: Int
    ) async throws(EventStoreError) -> LogPage {
        state.withLock { state in
            let tail = state.log.dropFirst(Int(max(0, position)))
            let events = Array(tail.lazy.filter(filter.admits).prefix(limit))
            let head = max(position, Int64(state.log.count))
            return LogPage(events: events, end: events.count == limit ? events.last?.position ?? position : head)
        }
    }

    package func acceptances(of commands: [UUID128]) async throws(EventStoreError) -> [RecordedAcceptance] {
        state.withLock { state in commands.flatMap { state.acceptances[$0] ?? [] } }
    }

    package func head() async throws(EventStoreError) -> LogHead {
        state.withLock { state in
            LogHead(
                position: Int64(state.log.count),
                recordedTime: state.log.last?.recordedTime ?? Timestamp(microseconds: 0))
        }
    }
}
