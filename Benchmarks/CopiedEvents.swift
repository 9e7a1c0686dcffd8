import Runtime

/// Rows of the log in the binary format of COPY.
struct CopiedEvents {
    /// What they are copied into.
    static let target = """
        events (position, stream, category, version, id, type, schema_version, account, observed_time, recorded_time,
        principal, command_id, causation_id, correlation_id, trace_parent, data, class)
        """

    /// Whether the rows are as readers copy them out of the log.
    private let asRead: Bool
    /// What precedes the first row.
    static let headerSize = 19
    private var copy = CopyText()

    init(capacity: Int, asRead: Bool = false) {
        self.asRead = asRead
        copy.bytes.reserveCapacity(capacity * 420)
    }

    mutating func add(_ event: NewEvent, to stream: StreamName, version: Int64, at position: Int64) {
        copy.row(columns: asRead ? 15 : 17)
        copy.integer(position)
        copy.text(stream.description)
        if !asRead { copy.text(stream.category) }
        copy.integer(version)
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
        if !asRead { copy.integer(Int16(event.eventClass.rawValue)) }
    }

    /// All that was added, complete.
    consuming func ended() -> [UInt8] {
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
