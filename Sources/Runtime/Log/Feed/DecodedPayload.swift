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
