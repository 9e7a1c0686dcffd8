/// Why the event store gave no answer, or refused an append outright.
package enum EventStoreError: Error, Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible {
    /// The append itself can never be stored: it is malformed, or its bytes are refused by the database.
    case invalid(reason: String, sqlState: String?)
    /// Nothing was stored, and trying again later may succeed.
    case unavailable(reason: String)
    /// The queue of appends is full; nothing was stored.
    case overloaded
    /// A stored event cannot be read.
    case corrupt(position: Int64, reason: String)
    /// Events of the stream up to this version have left the log, and they were asked for.
    case retained(through: Int64)
    /// The store has been shut down.
    case closed

    package var description: String {
        switch self {
        case .invalid: "The event cannot be stored."
        case .unavailable: "The event store cannot be reached right now."
        case .overloaded: "The event store has too much to do right now."
        case .corrupt: "A stored event cannot be read."
        case .retained: "The events have left the log."
        case .closed: "The event store is shutting down."
        }
    }

    package var debugDescription: String {
        switch self {
        case .invalid(let reason, let sqlState): "invalid append: \(reason) (SQLSTATE \(sqlState ?? "none"))"
        case .unavailable(let reason): "event store unavailable: \(reason)"
        case .overloaded: "event store overloaded"
        case .corrupt(let position, let reason): "event at position \(position) cannot be read: \(reason)"
        case .retained(let version): "events up to version \(version) of the stream have left the log"
        case .closed: "event store closed"
        }
    }
}
