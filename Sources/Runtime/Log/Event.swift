/// An event on its way into the log.
package struct NewEvent: Sendable, Hashable {
    package var id: UUID128
    package var type: String
    /// The version of the payload's schema, from 1.
    package var schemaVersion: Int32
    package var eventClass: EventClass
    package var observedTime: Timestamp
    /// UTF-8 JSON.
    package var data: [UInt8]
    package var metadata: EventMetadata

    package init(
        id: UUID128, type: String, schemaVersion: Int32 = 1, class eventClass: EventClass = .lifecycle,
        observedTime: Timestamp, data: [UInt8], metadata: EventMetadata
    ) {
        self.eventClass = eventClass
        self.id = id
        self.type = type
        self.schemaVersion = schemaVersion
        self.observedTime = observedTime
        self.data = data
        self.metadata = metadata
    }
}

/// An event as the log stored it.
package struct RecordedEvent: Sendable, Hashable {
    /// The event's place in the whole log, from 1, without gaps.
    package var position: Int64
    package var stream: StreamName
    /// The event's place in its stream, from 1.
    package var version: Int64
    package var id: UUID128
    package var type: String
    package var schemaVersion: Int32
    /// When the device or the caller says it happened.
    package var observedTime: Timestamp
    /// When the log stored it; never decreases with position.
    package var recordedTime: Timestamp
    /// UTF-8 JSON, byte for byte as appended.
    package var data: [UInt8] { didSet { decoded = .none } }
    package var metadata: EventMetadata
    /// Of these data, by whoever read the event first.
    var decoded = DecodedPayload.none

    package init(
        position: Int64, stream: StreamName, version: Int64, recordedTime: Timestamp, event: NewEvent
    ) {
        self.position = position
        self.stream = stream
        self.version = version
        self.recordedTime = recordedTime
        id = event.id
        type = event.type
        schemaVersion = event.schemaVersion
        observedTime = event.observedTime
        data = event.data
        metadata = event.metadata
    }
}
