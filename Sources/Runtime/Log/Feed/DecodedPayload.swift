/// What was made of an event's payload for all who read it; no part of what the event is.
package struct DecodedPayload: Sendable {
    package let value: (any Sendable)?

    package init(_ value: (any Sendable)?) { self.value = value }

    package static let none = DecodedPayload(nil)
}

extension DecodedPayload: Hashable {
    package static func == (left: DecodedPayload, right: DecodedPayload) -> Bool { true }
    package func hash(into hasher: inout Hasher) {}
}

extension RecordedEvent {
    /// The event with its payload decoded for all who read it, or as it is if it cannot be.
    package func decoded(by decoder: LogFeed.Decoder) -> RecordedEvent {
        guard let payload = try? decoder(self) else { return self }
        var event = self
        event.decoded = DecodedPayload(payload)
        return event
    }
}
