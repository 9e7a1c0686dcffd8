import Runtime

/// What has become otherwise between two instants, as JSON.
struct DifferenceAnswer: Encodable {
    struct Instant: Encodable {
        var time: Timestamp
        /// 0 if it was not there yet.
        var version: Int64
    }

    /// What one event has changed.
    struct Step: Encodable {
        var id: UUID128
        var version: Int64
        var type: String
        var time: Timestamp
        var recordedTime: Timestamp
        var principal: String
        var changes: [FieldDifference]

        init(_ event: RecordedEvent, _ changes: [FieldDifference]) {
            (id, version, type) = (event.id, event.version, event.type)
            (time, recordedTime) = (event.observedTime, event.recordedTime)
            principal = event.metadata.principal.description
            self.changes = changes
        }
    }

    var from: Instant
    var to: Instant
    var changes: [FieldDifference]
    /// Event by event; nil if there are too many.
    var steps: [Step]?
}
