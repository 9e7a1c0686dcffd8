/// A law of the log that can be checked stream by stream, with the events of each in the order of their versions.
package protocol StreamLaw: Sendable {
    /// The streams it is about; nil for all.
    var category: String? { get }

    /// A stream begins. `snapshots` are those that are to be compared; some of its events up to the version `floor` have
    /// left the log, unless it is 0.
    mutating func begin(
        _ stream: StreamName, floor: Int64, snapshots: [Snapshot], _ findings: inout AuditFindings)
    mutating func take(_ event: RecordedEvent, _ findings: inout AuditFindings)
    /// The stream that began last is over.
    mutating func end(_ findings: inout AuditFindings)
    /// All streams are over.
    mutating func finish(_ findings: inout AuditFindings)
}

extension StreamLaw {
    package mutating func begin(
        _ stream: StreamName, floor: Int64, snapshots: [Snapshot], _ findings: inout AuditFindings
    ) {}
    package mutating func end(_ findings: inout AuditFindings) {}
    package mutating func finish(_ findings: inout AuditFindings) {}
}

/// The versions of a stream are 1, 2, 3 and so on, without those that have left the log.
struct VersionLaw: StreamLaw {
    let category: String? = nil
    private var version: Int64 = 0
    private var floor: Int64 = 0

    mutating func begin(
        _ stream: StreamName, floor: Int64, snapshots: [Snapshot], _ findings: inout AuditFindings
    ) {
        (version, self.floor) = (0, floor)
    }

    mutating func take(_ event: RecordedEvent, _ findings: inout AuditFindings) {
        if event.version <= version || (event.version > version + 1 && event.version > floor + 1) {
            findings.note(.init(.versions, at: event, "version \(version + 1) belongs here"))
        }
        version = event.version
    }
}

/// All events of a command lie side by side in its stream, so it was not taken in a second time.
struct CommandLaw: StreamLaw {
    let category: String? = nil
    private var seen: Set<UUID128> = []
    private var last: UUID128?

    mutating func take(_ event: RecordedEvent, _ findings: inout AuditFindings) {
        let command = event.metadata.commandID
        if command == last { return }
        last = command
        if !seen.insert(command).inserted {
            findings.note(.init(.commands, at: event, "the command \(command) was taken in earlier already"))
        }
    }

    mutating func end(_ findings: inout AuditFindings) {
        seen.removeAll()
        last = nil
    }
}

/// Every event of a category can be read by this program.
package struct ReadableLaw: StreamLaw {
    package let category: String?
    private let decode: @Sendable (RecordedEvent) throws(EventCodecError) -> Void

    package init(category: String, _ decode: @escaping @Sendable (RecordedEvent) throws(EventCodecError) -> Void) {
        self.category = category
        self.decode = decode
    }

    package mutating func take(_ event: RecordedEvent, _ findings: inout AuditFindings) {
        do {
            try decode(event)
        } catch {
            findings.note(.init(.events, at: event, "it cannot be read: \(error)"))
        }
    }
}
