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
            try connection.copy(into: "events (\(Self.columns))", bytes)
            return Double(rows.count) / ((.now - begin) / .seconds(1))
        }
    }

    private static let columns = """
        position, stream, category, version, id, type, schema_version, account, observed_time, recorded_time,
        principal, command_id, causation_id, correlation_id, trace_parent, data
        """

    private func encoded(_ rows: LogRows) -> [UInt8] {
        var copy = CopyText()
        copy.bytes.reserveCapacity(rows.count * 420)
        var position: Int64 = 0
        for append in rows.batches.joined() {
            for change in append.changes {
                for event in change.events {
                    position += 1
                    copy.row(columns: 16)
                    copy.integer(position)
                    copy.text(change.stream.description)
                    copy.text(change.stream.category)
                    copy.integer(change.expectedVersion + 1)
                    copy.uuid(event.id)
                    copy.text(event.type)
                    copy.integer(event.schemaVersion)
                    copy.text(event.metadata.account.rawValue)
                    copy.timestamp(event.observedTime)
                    copy.timestamp(event.observedTime)
                    copy.text(event.metadata.principal.description)
                    copy.uuid(event.metadata.commandID)
                    copy.uuid(event.metadata.causationID)
                    copy.uuid(event.metadata.correlationID)
                    copy.null()
                    copy.field(event.data)
                }
            }
        }
        copy.end()
        return copy.bytes
    }
}

/// The binary format of COPY.
private struct CopyText {
    var bytes: [UInt8] = Array("PGCOPY\n".utf8) + [0xff, 0x0d, 0x0a, 0, 0, 0, 0, 0, 0, 0, 0, 0]

    mutating func row(columns: Int16) { append(columns) }
    mutating func end() { append(-1 as Int16) }
    mutating func null() { append(-1 as Int32) }
    mutating func text(_ text: String) { field(Array(text.utf8)) }

    mutating func field(_ value: [UInt8]) {
        append(Int32(value.count))
        bytes += value
    }

    mutating func integer<Integer: FixedWidthInteger>(_ value: Integer) {
        append(Int32(MemoryLayout<Integer>.size))
        append(value)
    }

    mutating func uuid(_ id: UUID128?) {
        guard let id else { return null() }
        append(16 as Int32)
        append(id.high)
        append(id.low)
    }

    /// Postgres counts from the year 2000.
    mutating func timestamp(_ time: Timestamp) { integer(time.microseconds - 946_684_800_000_000) }

    private mutating func append<Integer: FixedWidthInteger>(_ value: Integer) {
        withUnsafeBytes(of: value.bigEndian) { bytes += $0 }
    }
}
