/// What would leave the log, and what stays.
package struct RetentionPlan: Sendable {
    /// A partition of telemetry all of whose events are older than the cutoff.
    package struct Partition: Sendable {
        package var name: String
        package var firstPosition: Int64
        /// The first position behind it.
        package var endPosition: Int64
        package var events: Int64
        package var bytes: Int64
        package var oldest: Timestamp?
        package var newest: Timestamp?
        var state: State

        /// How far an earlier run has come with it.
        enum State: Sendable { case attached, detaching, detached }
    }

    package var cutoff: Timestamp
    /// The first position that was recorded at the cutoff or after it, or that a reader has not seen.
    package var boundary: Int64
    /// Who has not seen what is older than the cutoff, of several the one that is furthest behind.
    package var lastReader: LogReader?
    package var partitions: [Partition]
    /// Telemetry from before events had a class, which must be taken out event by event.
    package var mixedEvents: Int64
    package var keptPartitions: Int64
    package var keptBytes: Int64

    package var events: Int64 { partitions.reduce(mixedEvents) { $0 + $1.events } }
    package var bytes: Int64 { partitions.reduce(0) { $0 + $1.bytes } }
    package var isEmpty: Bool { partitions.isEmpty && mixedEvents == 0 }
}

/// A step that has been taken, and that need not be taken again.
package enum RetentionStep: Sendable, Hashable {
    /// The states at the floors of so many streams are stored.
    case floors(streams: Int)
    /// It is written down that the events of a partition are to be missing.
    case announced(partition: String)
    case detached(partition: String)
    case finished(partition: String)
    /// So many events are gone from among those without a class.
    case deleted(events: Int64)

    /// Where a process is killed that dies right after it.
    var failpoint: Failpoint {
        switch self {
        case .floors: .retentionFloorsRaised
        case .announced: .retentionAnnounced
        case .detached: .retentionDetached
        case .finished: .retentionFinished
        case .deleted: .retentionDeleted
        }
    }
}

package enum RetentionError: Error, Sendable, Hashable, CustomStringConvertible {
    case alreadyRunning
    /// The state behind a stream's leaving events cannot be told, so they must stay.
    case uncovered(stream: String, reason: String)
    /// Nobody but the retention role deletes events, and the role at hand may not become it.
    case notPermitted

    package var description: String {
        switch self {
        case .alreadyRunning: "another retention is under way on this database"
        case .uncovered(let stream, let reason):
            "the events of \(stream) must stay, since no state can stand for them: \(reason)"
        case .notPermitted:
            "the role of this URL may not delete events: grant fleetlog_retention to it, as a superuser"
        }
    }
}
