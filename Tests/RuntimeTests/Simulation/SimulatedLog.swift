@testable import Runtime

/// What the database of a simulation holds, and how it judges a batch. Pure.
struct SimulatedLog: Sendable {
    private(set) var events: [RecordedEvent] = []
    /// From side rows.
    private(set) var notes: [Int64] = []
    private var streams: [StreamName: [Int]] = [:]
    private var ids: Set<UUID128> = []
    private var accepted: [UUID128: [RecordedAcceptance]] = [:]

    var head: Int64 { Int64(events.count) }

    func version(of stream: StreamName) -> Int64 { streams[stream]?.last.map { events[$0].version } ?? 0 }

    func stream(_ stream: StreamName, from version: Int64 = 1, limit: Int = .max) -> [RecordedEvent] {
        Array((streams[stream] ?? []).lazy.map { events[$0] }.filter { $0.version >= version }.prefix(limit))
    }

    func page(after position: Int64, where filter: LogFilter, limit: Int) -> LogPage {
        let found = Array(events.dropFirst(Int(position)).lazy.filter(filter.admits).prefix(limit))
        return LogPage(events: found, end: found.count == limit ? found[limit - 1].position : max(position, head))
    }

    func acceptances(of commands: [UUID128]) -> [RecordedAcceptance] { commands.flatMap { accepted[$0] ?? [] } }

    /// Stores what of the batch does not conflict, or nothing.
    ///
    /// Claims that the sender takes for known are not looked up if the head is where it expects it.
    mutating func commit(
        _ batch: AppendBatch, expecting head: Int64?, at time: Timestamp
    ) throws(PostgresError) -> AppendBatch.Answer {
        let found = self.head
        if batch.isCertain, let head, head != found { throw .refused(.serializationFailure) }
        let known = head == found ? Set(zip(batch.claims, batch.isKnown).lazy.filter(\.1).map(\.0)) : []
        let conflicts = batch.appends.map { append in
            (append.changes.map { StreamVersion($0.stream, at: $0.expectedVersion) } + append.conditions)
                .filter { !known.contains($0) && version(of: $0.stream) != $0.version }
                .map { StreamVersion($0.stream, at: version(of: $0.stream)) }
        }
        for (append, conflicts) in zip(batch.appends, conflicts) where conflicts.isEmpty { try check(append) }
        var outcomes: [AppendOutcome] = []
        for (append, conflicts) in zip(batch.appends, conflicts) {
            guard conflicts.isEmpty else {
                outcomes.append(.conflict(conflicts))
                continue
            }
            outcomes.append(.accepted(store(append, at: time)))
        }
        return AppendBatch.Answer(outcomes: outcomes, found: found, left: self.head)
    }

    /// What the indices and types of the tables refuse.
    private func check(_ append: Append) throws(PostgresError) {
        for change in append.changes {
            if change.expectedVersion < version(of: change.stream) { throw .refused(.uniqueViolation) }
            for event in change.events {
                if event.type == "Cursed" { throw .refused(.invalidTextRepresentation) }
                if ids.contains(event.id) { throw .refused(.uniqueViolation) }
            }
        }
        for new in append.acceptances {
            if accepted[new.command]?.contains(where: { $0.stream == new.stream }) ?? false {
                throw .refused(.uniqueViolation)
            }
        }
    }

    private mutating func store(_ append: Append, at time: Timestamp) -> AppendReceipt {
        let first = head + 1
        for change in append.changes {
            for (offset, event) in change.events.enumerated() {
                streams[change.stream, default: []].append(events.count)
                ids.insert(event.id)
                events.append(
                    RecordedEvent(
                        position: head + 1, stream: change.stream,
                        version: change.expectedVersion + Int64(offset) + 1, recordedTime: time, event: event))
            }
        }
        for row in append.sideRows { if case .int8(let note)? = row.parameters.first { notes.append(note) } }
        for new in append.acceptances {
            let last = stream(new.stream).last { $0.version == new.version }
            accepted[new.command, default: []].append(RecordedAcceptance(new, position: last?.position ?? 0))
        }
        return AppendReceipt(firstPosition: first, eventCount: append.eventCount, recordedTime: time)
    }
}

extension PostgresError {
    static func refused(_ state: SQLState) -> PostgresError {
        .server(ServerError(sqlState: state, message: "refused"))
    }
}
