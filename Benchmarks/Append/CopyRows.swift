import Runtime

/// The same rows by one binary COPY into the same table with the same indexes: the limit of the database.
struct CopyRows: Sendable {
    let writers: Int
    let events: Int

    /// Events per second, the commit included.
    func run(on url: String) async throws -> Double {
        let rows = LogRows(writers: writers, events: events)
        let bytes = encoded(rows)
        return try await onThreadOfItsOwn {
            let connection = try PlainConnection(url)
            let begin = ContinuousClock.now
            try connection.copy(into: CopiedEvents.target, bytes)
            return Double(rows.count) / ((.now - begin) / .seconds(1))
        }
    }

    private func encoded(_ rows: LogRows) -> [UInt8] {
        var copy = CopiedEvents(capacity: rows.count)
        var position: Int64 = 0
        for append in rows.batches.joined() {
            for change in append.changes {
                for event in change.events {
                    position += 1
                    copy.add(event, to: change.stream, version: change.expectedVersion + 1, at: position)
                }
            }
        }
        return copy.ended()
    }
}
