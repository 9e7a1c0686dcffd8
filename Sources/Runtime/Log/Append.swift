/// A stream that must stand at a version for an append to be accepted.
package struct StreamVersion: Sendable, Hashable {
    package var stream: StreamName
    /// 0 for a stream without events.
    package var version: Int64

    package init(_ stream: StreamName, at version: Int64) {
        self.stream = stream
        self.version = version
    }
}

/// A place in a stream: an event of it, or its beginning.
package struct StreamPlace: Sendable, Hashable {
    package var stream: StreamName
    package var version: Int64
    package var position: Int64

    package init(_ stream: StreamName, at version: Int64, position: Int64) {
        self.stream = stream
        self.version = version
        self.position = position
    }
}

/// New events for one stream, and the version they were decided upon.
package struct StreamChange: Sendable, Hashable {
    package var stream: StreamName
    package var expectedVersion: Int64
    /// Where the event of that version lies, or anything before it; spares a look at what is older.
    package var knownPosition: Int64
    package var events: [NewEvent]

    package init(
        _ stream: StreamName, expecting expectedVersion: Int64, at knownPosition: Int64 = 0, events: [NewEvent]
    ) {
        self.stream = stream
        self.expectedVersion = expectedVersion
        self.knownPosition = knownPosition
        self.events = events
    }
}

/// A row that is written in the transaction of an append, and only if the append is accepted.
package struct SideRow: Sendable {
    /// Its parameter `$1` is the number of the append within its batch; the store fills it in. A statement keeps to
    /// its append's answer by the condition `fleetlog_accepted($1)`.
    package var statement: Statement
    /// `$2` and onward.
    package var parameters: [PostgresValue]

    package init(_ statement: Statement, _ parameters: [PostgresValue]) {
        self.statement = statement
        self.parameters = parameters
    }
}

/// Events for one or more streams that are stored together or not at all; or none, if only something else is to be
/// written while streams stand where they do.
package struct Append: Sendable {
    /// Each with at least one event, no stream twice.
    package var changes: [StreamChange]
    /// Streams that must not have moved, although nothing is appended to them; at least one without changes.
    package var conditions: [StreamVersion]
    package var sideRows: [SideRow]
    /// Commands whose acceptance is remembered; one that was accepted before makes the append invalid.
    package var acceptances: [Acceptance]

    package init(
        _ changes: [StreamChange], conditions: [StreamVersion] = [], sideRows: [SideRow] = [],
        acceptances: [Acceptance] = []
    ) {
        self.changes = changes
        self.conditions = conditions
        self.sideRows = sideRows
        self.acceptances = acceptances
    }

    package var eventCount: Int { changes.reduce(0) { $0 + $1.events.count } }
}

/// The answer to an append; a conflict is an answer, not an error.
package enum AppendOutcome: Sendable, Hashable {
    case accepted(AppendReceipt)
    /// The streams that did not stand where the append expected them, and where they stand.
    case conflict([StreamVersion])
}

/// Where an accepted append came to lie.
package struct AppendReceipt: Sendable, Hashable {
    /// The position of the append's first event; the others follow without a gap, in the order of the changes. Without
    /// events, the one that the next event would have had.
    package var firstPosition: Int64
    package var eventCount: Int
    package var recordedTime: Timestamp

    package init(firstPosition: Int64, eventCount: Int, recordedTime: Timestamp) {
        self.firstPosition = firstPosition
        self.eventCount = eventCount
        self.recordedTime = recordedTime
    }

    package var lastPosition: Int64 { firstPosition + Int64(eventCount) - 1 }
}
