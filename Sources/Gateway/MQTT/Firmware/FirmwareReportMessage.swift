import Aggregates
import Runtime

/// A firmware status message, read and turned into the command for its rollout, or for its device if it was not
/// understood.
struct FirmwareReportMessage: Sendable {
    enum Content: Sendable {
        case report(rollout: String, CommandEnvelope<Rollout.Command>)
        /// The device notes so.
        case fault(MalformedPayload, CommandEnvelope<Device.Command>)
    }

    let device: String
    let received: ReceivedMessage
    let stamp: DeliveryStamp
    let receivedTime: Timestamp
    let content: Content

    /// - Parameters:
    ///   - fence: what must not have moved when the events are stored.
    ///   - sideRows: written with the events of the message.
    init(
        from device: String, _ received: ReceivedMessage, stamp: DeliveryStamp, receivedTime: Timestamp,
        fence: StreamVersion?, sideRows: [SideRow] = []
    ) {
        self.device = device
        self.received = received
        self.stamp = stamp
        self.receivedTime = receivedTime
        let identity = MessageIdentity(device: device, message: received, stamp: stamp)
        let context = CommandContext(time: receivedTime, principal: .device(device), scope: .all)
        let (id, earlier) = identity.delivered()
        do throws(MalformedPayload) {
            try received.contentType.checkJSON(received.payload)
            let (rollout, report) = try FirmwareStatusPayload.report(received.payload, from: device)
            content = .report(
                rollout: rollout,
                CommandEnvelope(
                    id: id, earlierIDs: earlier, .report(report), context: context, fence: fence, sideRows: sideRows))
        } catch {
            let refusal = MessageRefusal(
                topic: received.topic, reason: error.reason, bytes: received.payload.count,
                sha256: identity.contentText)
            content = .fault(
                error,
                CommandEnvelope(
                    id: id, earlierIDs: earlier, .refuseMessage(refusal), context: context, fence: fence,
                    sideRows: sideRows))
        }
    }

    /// Under what its messages are parked: a rollout that cannot take them must not hold the device's telemetry back. No
    /// id of a device holds a slash.
    static func parkingKey(of device: String) -> String { "\(device)/firmware" }

    var parkingKey: String { Self.parkingKey(of: device) }

    func parked(_ reason: String) -> ParkedMessage {
        ParkedMessage(
            device: parkingKey, received: received, stamp: stamp, receivedTime: receivedTime,
            reason: reason)
    }
}
