package import Runtime

/// A message as the broker delivered it, copied out of libmosquitto.
package struct ReceivedMessage: Sendable, Hashable {
    package var topic: String
    package var payload: [UInt8]
    /// The broker's number for this delivery; 0 for QoS 0, which is never delivered again.
    package var packetID: UInt16
    /// When it came to the broker, if BrokerGuard says so; a will has no arrival.
    package var arrival: Timestamp?
    package var contentType: ContentType

    package init(
        topic: String, payload: [UInt8], packetID: UInt16, arrival: Timestamp? = nil, contentType: ContentType = .none
    ) {
        self.topic = topic
        self.payload = payload
        self.packetID = packetID
        self.arrival = arrival
        self.contentType = contentType
    }
}
