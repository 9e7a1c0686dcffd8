/// Events of the log as Postgres sent them, in one buffer, in position order.
package struct RawEvents: Sendable {
    let rows: CopiedRows
    /// Every event up to here is in these or in those before.
    package let end: Int64

    package init(_ rows: CopiedRows, end: Int64) {
        self.rows = rows
        self.end = end
    }

    package var count: Int { rows.count }
    package var byteCount: Int { rows.bytes.count }

    /// - Throws: `PostgresError.decoding` for what is no event.
    package func position(at index: Int) throws(PostgresError) -> Int64 {
        try Self.position(rows, at: index)
    }

    static func position(_ rows: CopiedRows, at index: Int) throws(PostgresError) -> Int64 {
        try rows.withRow(index) { bytes throws(PostgresError) in
            var row = try CopiedRow(bytes, columns: RecordedEvent.columnCount)
            return try row.integer(Int64.self)
        }
    }

    /// - Throws: `PostgresError.decoding` for what is no event.
    package func recordedEvents() throws(PostgresError) -> [RecordedEvent] {
        var events: [RecordedEvent] = []
        events.reserveCapacity(count)
        var texts = EventTexts()
        for index in 0..<count {
            events.append(
                try rows.withRow(index) { bytes throws(PostgresError) in
                    var row = try CopiedRow(bytes, columns: RecordedEvent.columnCount)
                    return try RecordedEvent(&row, &texts)
                })
        }
        return events
    }
}

/// What repeats from event to event.
private struct EventTexts {
    var streams = InternedTexts<StreamName>(capacity: 1_024)
    var types = InternedTexts<String>(capacity: 64)
    var accounts = InternedTexts<AccountID>(capacity: 64)
    var principals = InternedTexts<Principal>(capacity: 1_024)
}

extension RecordedEvent {
    /// Reads a row of ``ReadStatements`` out of a copy; `init(_: Row)` reads the same columns.
    fileprivate init(_ row: inout CopiedRow, _ texts: inout EventTexts) throws(PostgresError) {
        let position = try row.integer(Int64.self)
        guard let stream = texts.streams.value(try row.present(), { StreamName($0) }) else {
            throw row.failure("a stream name", "another text at position \(position)")
        }
        let version = try row.integer(Int64.self)
        let id = try row.uuid()
        guard let type = texts.types.value(try row.present(), { $0 }) else {
            throw row.failure("text", "other bytes at position \(position)")
        }
        let schemaVersion = try row.integer(Int32.self)
        guard let account = texts.accounts.value(try row.present(), { AccountID($0) }) else {
            throw row.failure("text", "other bytes at position \(position)")
        }
        let observedTime = try row.timestamp()
        let recordedTime = try row.timestamp()
        guard let principal = texts.principals.value(try row.present(), { Principal($0) }) else {
            throw row.failure("a principal", "another text at position \(position)")
        }
        let metadata = EventMetadata(
            principal: principal, account: account, commandID: try row.uuid(), causationID: try row.uuidIfPresent(),
            correlationID: try row.uuidIfPresent(),
            traceParent: try row.field().map { String(decoding: $0, as: UTF8.self) })
        self.init(
            position: position, stream: stream, version: version, recordedTime: recordedTime,
            event: NewEvent(
                id: id, type: type, schemaVersion: schemaVersion, observedTime: observedTime,
                data: Array(try row.present()), metadata: metadata))
    }
}
