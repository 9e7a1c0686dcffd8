package import Runtime

/// An entity whose rows stand still at an event that the view's code cannot take in; its later events wait.
package struct StuckEntity: Sendable, Hashable, CustomStringConvertible {
    /// The id of its stream.
    package var id: String
    package var position: Int64
    package var version: Int64
    package var type: String
    package var reason: String
    /// Nil until it is stored.
    package var since: Timestamp?

    package init(
        id: String, position: Int64, version: Int64, type: String, reason: String, since: Timestamp? = nil
    ) {
        self.id = id
        self.position = position
        self.version = version
        self.type = type
        self.reason = reason
        self.since = since
    }

    package var description: String { "\(id) at position \(position), version \(version), \(type): \(reason)" }

    init(at event: RecordedEvent, _ reason: String) {
        self.init(
            id: event.stream.id, position: event.position, version: event.version, type: event.type,
            reason: String(reason.prefix(1_000)))
    }
}
