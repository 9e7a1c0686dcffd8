import Logging
import Metrics

/// The broker's own figures: what it has dropped, which must stay nothing, and how much it holds for us.
struct BrokerFigures {
    private static let droppedTopic = "$SYS/broker/publish/messages/dropped"
    private static let storedTopic = "$SYS/broker/store/messages/count"
    private static let storedBytesTopic = "$SYS/broker/store/messages/bytes"
    static let topics = [droppedTopic, storedTopic, storedBytesTopic]

    private let logger: Logger
    private let dropped = Gauge(label: "fleetlog_broker_dropped_messages")
    private let stored = Gauge(label: "fleetlog_broker_stored_messages")
    private let storedBytes = Gauge(label: "fleetlog_broker_stored_bytes")
    private var lastDropped = 0

    init(logger: Logger) { self.logger = logger }

    mutating func note(_ message: ReceivedMessage) {
        guard let figure = Int(String(decoding: message.payload, as: UTF8.self)) else { return }
        switch message.topic {
        case Self.droppedTopic:
            dropped.record(figure)
            if figure > lastDropped {
                logger.error("The broker has dropped messages", metadata: ["dropped": "\(figure - lastDropped)"])
            }
            lastDropped = figure
        case Self.storedTopic: stored.record(figure)
        case Self.storedBytesTopic: storedBytes.record(figure)
        default: break
        }
    }
}
