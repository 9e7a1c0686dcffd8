import Aggregates
import Runtime

/// What was read of a round at one go, understood but not yet settled.
struct RoundPart: Sendable {
    private(set) var messages: [TelemetryMessage] = []
    private(set) var reports: [FirmwareReportMessage] = []
    /// How many messages came on each topic that no device can have.
    private(set) var strays: [String: Int] = [:]
    /// What must not have moved when the events are stored.
    let fence: StreamVersion

    /// - Parameter schemas: by which the part's readings are judged, all by the same.
    init(
        _ received: [ReceivedMessage], _ generations: inout DeliveryGenerations, at time: Timestamp,
        schemas: TelemetrySchemas? = nil
    ) {
        fence = generations.fence
        messages.reserveCapacity(received.count)
        for message in received {
            // Nothing arrives after it was read, whatever the broker's clock or a property of the device's own says.
            let time = message.arrival.map { min($0, time) } ?? time
            let stamp = generations.stamp(packetID: message.packetID)
            if let device = DeviceTopic.telemetryDevice(message.topic) {
                messages.append(
                    TelemetryMessage(
                        from: device, message, stamp: stamp, receivedTime: time, fence: fence, schemas: schemas))
            } else if let device = DeviceTopic.statusDevice(message.topic) {
                messages.append(
                    TelemetryMessage(statusOf: device, message, stamp: stamp, receivedTime: time, fence: fence))
            } else if let device = DeviceTopic.configurationReportDevice(message.topic) {
                messages.append(
                    TelemetryMessage(configurationOf: device, message, stamp: stamp, receivedTime: time, fence: fence))
            } else if let device = DeviceTopic.commandStatusDevice(message.topic) {
                messages.append(
                    TelemetryMessage(commandOf: device, message, stamp: stamp, receivedTime: time, fence: fence))
            } else if let device = DeviceTopic.firmwareStatusDevice(message.topic) {
                reports.append(
                    FirmwareReportMessage(from: device, message, stamp: stamp, receivedTime: time, fence: fence))
            } else if !message.topic.hasPrefix(WatchdogTopic.prefix) {
                strays[message.topic, default: 0] += 1
            }
        }
    }
}
