import Runtime

/// Events for streams of which nothing is decided: they come behind whatever is there.
struct Facts: Sendable {
    private static let attemptLimit = 20

    let store: any EventStore

    /// Appends the events in one transaction, wherever their streams stand.
    ///
    /// - Parameters:
    ///   - events: in the order in which they are to lie in their streams.
    ///   - standing: where the streams were last seen; those that it lacks are tried as new.
    /// - Returns: where the log has them, and where the streams stand now.
    func append(
        _ events: [(stream: StreamName, event: NewEvent)], sideRows: [SideRow] = [],
        standing: [StreamName: Int64] = [:]
    ) async throws(EventStoreError) -> (receipt: AppendReceipt, standing: [StreamName: Int64]) {
        var streams: [StreamName] = []
        var byStream: [StreamName: [NewEvent]] = [:]
        for (stream, event) in events {
            if byStream[stream] == nil { streams.append(stream) }
            byStream[stream, default: []].append(event)
        }
        var versions = standing.filter { byStream[$0.key] != nil }
        for _ in 0..<Self.attemptLimit {
            let changes = streams.map { stream in
                StreamChange(stream, expecting: versions[stream] ?? 0, events: byStream[stream] ?? [])
            }
            switch try await store.append(Append(changes, sideRows: sideRows)) {
            case .accepted(let receipt):
                for change in changes { versions[change.stream] = change.expectedVersion + Int64(change.events.count) }
                return (receipt, versions)
            case .conflict(let moved):
                for place in moved { versions[place.stream] = place.version }
            }
        }
        throw .overloaded
    }
}
