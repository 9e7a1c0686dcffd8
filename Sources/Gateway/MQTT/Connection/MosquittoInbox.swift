/// What libmosquitto's callbacks have left; they do nothing but append here, because they run inside its calls.
final class MosquittoInbox {
    struct Greeting {
        var reasonCode: Int32
        var sessionPresent: Bool
    }

    let arrivals: ArrivalProperty
    var greeting: Greeting?
    /// One reason code a topic of the last SUBSCRIBE.
    var subscription: [Int32]?
    var messages: [ReceivedMessage] = []
    var messageBytes = 0
    /// Packet ids of our own publishes that the broker has acknowledged.
    var published: [Int32] = []
    var disconnectReason: Int32?

    init(arrivals: ArrivalProperty) { self.arrivals = arrivals }

    func takeMessages() -> [ReceivedMessage] {
        defer {
            messages = []
            messageBytes = 0
        }
        return messages
    }
}
