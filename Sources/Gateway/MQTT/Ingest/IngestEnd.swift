/// Why a server stopped ingesting on a connection.
enum IngestEnd: Error, Sendable, Hashable {
    /// Another server has taken over: nothing of the open round may be acknowledged.
    case fenced
    case cancelled
    case connection(MQTTError)
    /// The log holds something that this program cannot read.
    case broken(reason: String)
}

/// What ingest lets others see, in the order in which it happens.
package enum IngestHappening: Sendable, Hashable {
    case leading
    /// The role is lost or given up.
    case following
    case connected(generation: Int64, sessionPresent: Bool)
    case disconnected(reason: String)
    /// A round is settled and acknowledged.
    case acknowledged(RoundTally)
    /// The round's messages wait for the log.
    case waiting(reason: String)
    case fenced
}

/// How many messages of a round came to which end.
package struct RoundTally: Sendable, Hashable {
    package var recorded = 0
    package var duplicate = 0
    package var malformed = 0
    package var refused = 0
    package var parked = 0
    package var unknown = 0
    /// Readings that became events.
    package var readings = 0
    /// Readings that were there before, also of messages that had others.
    package var duplicateReadings = 0
    package init() {}

    package static func += (sum: inout RoundTally, part: RoundTally) {
        sum.recorded += part.recorded
        sum.duplicate += part.duplicate
        sum.malformed += part.malformed
        sum.refused += part.refused
        sum.parked += part.parked
        sum.unknown += part.unknown
        sum.readings += part.readings
        sum.duplicateReadings += part.duplicateReadings
    }

    package var messages: Int { recorded + duplicate + malformed + refused + parked + unknown }
}
