package import Aggregates
package import Runtime

/// A telemetry message, read and turned into the commands for its device.
package struct TelemetryMessage: Sendable {
    package let device: String
    package let received: ReceivedMessage
    package let stamp: DeliveryStamp
    /// When it came to the broker, or was read if the broker does not say so.
    package let receivedTime: Timestamp
    /// Set if the message could not be understood; its one command notes so.
    package let fault: MalformedPayload?
    /// Whether the device wants to be told what is stored.
    let wantsReceipt: Bool
    /// False of a message about the device itself.
    let holdsReadings: Bool
    let envelopes: [CommandEnvelope<Device.Command>]

    /// - Parameters:
    ///   - fence: what must not have moved when the events are stored.
    ///   - sideRows: written with the events of the message's last reading.
    ///   - schemas: by which the readings are judged.
    package init(
        from device: String, _ received: ReceivedMessage, stamp: DeliveryStamp, receivedTime: Timestamp,
        fence: StreamVersion?, sideRows: [SideRow] = [], schemas: TelemetrySchemas? = nil
    ) {
        self.init(
            from: device, received, stamp: stamp, receivedTime: receivedTime, fence: fence, sideRows: sideRows,
            schemas: schemas,
            Result { () throws(MalformedPayload) in
                try TelemetryPayload.readings(of: received.payload, received.contentType)
            })
    }

    /// The same of a message that has been read already.
    init(
        from device: String, _ received: ReceivedMessage, stamp: DeliveryStamp, receivedTime: Timestamp,
        fence: StreamVersion?, sideRows: [SideRow] = [], schemas: TelemetrySchemas?,
        _ readings: Result<[Reading], MalformedPayload>
    ) {
        self.device = device
        self.received = received
        self.stamp = stamp
        self.receivedTime = receivedTime
        holdsReadings = true
        let identity = MessageIdentity(device: device, message: received, stamp: stamp)
        let principal = Principal.device(device)
        do throws(MalformedPayload) {
            let readings = try readings.get()
            fault = nil
            wantsReceipt = readings.contains { $0.wantsReceipt }
            envelopes = readings.enumerated().map { index, reading in
                let (id, earlier) = identity.command(of: reading, at: index)
                let telemetry = Telemetry(
                    metrics: reading.metrics, seq: reading.seq, clock: reading.time == nil ? .server : .device,
                    arrival: receivedTime, schemas: schemas)
                return CommandEnvelope(
                    id: id, earlierIDs: earlier, .recordTelemetry(telemetry),
                    context: CommandContext(time: reading.time ?? receivedTime, principal: principal, scope: .all),
                    fence: fence, sideRows: index == readings.count - 1 ? sideRows : [])
            }
        } catch {
            fault = error
            wantsReceipt = false
            envelopes = [Self.refusal(identity, received, receivedTime, error.reason, fence, sideRows)]
        }
    }

    /// A message about the device itself: one command, or the note that it could not be understood.
    ///
    /// It is known by its delivery, since it has no number and no time of its own.
    init(
        about device: String, _ received: ReceivedMessage, stamp: DeliveryStamp, receivedTime: Timestamp,
        fence: StreamVersion?, sideRows: [SideRow],
        _ command: ([UInt8]) throws(MalformedPayload) -> Device.Command
    ) {
        self.device = device
        self.received = received
        self.stamp = stamp
        self.receivedTime = receivedTime
        wantsReceipt = false
        holdsReadings = false
        let identity = MessageIdentity(device: device, message: received, stamp: stamp)
        do throws(MalformedPayload) {
            try received.contentType.checkJSON(received.payload)
            let command = try command(received.payload)
            let (id, earlier) = identity.delivered()
            fault = nil
            envelopes = [
                CommandEnvelope(
                    id: id, earlierIDs: earlier, command,
                    context: CommandContext(time: receivedTime, principal: .device(device), scope: .all),
                    fence: fence, sideRows: sideRows)
            ]
        } catch {
            fault = error
            envelopes = [Self.refusal(identity, received, receivedTime, error.reason, fence, sideRows)]
        }
    }

    /// The command that notes the message as refused, for one whose own commands turned out to be impossible to store.
    func refusal(_ reason: String, fence: StreamVersion?) -> CommandEnvelope<Device.Command> {
        let identity = MessageIdentity(device: device, message: received, stamp: stamp)
        return Self.refusal(identity, received, receivedTime, reason, fence, [])
    }

    private static func refusal(
        _ identity: MessageIdentity, _ received: ReceivedMessage, _ time: Timestamp, _ reason: String,
        _ fence: StreamVersion?, _ sideRows: [SideRow]
    ) -> CommandEnvelope<Device.Command> {
        let (id, earlier) = identity.refusal()
        let refusal = MessageRefusal(
            topic: received.topic, reason: reason, bytes: received.payload.count, sha256: identity.contentText)
        return CommandEnvelope(
            id: id, earlierIDs: earlier, .refuseMessage(refusal),
            context: CommandContext(time: time, principal: .device(identity.device), scope: .all),
            fence: fence, sideRows: sideRows)
    }
}

/// The topics of the devices.
package enum DeviceTopic {
    package static let telemetry = "devices/+/telemetry"

    /// The device whose telemetry topic this is; nil if it is another topic, or no device can have that id.
    package static func telemetryDevice(_ topic: String) -> String? {
        let (prefix, suffix) = ("devices/", "/telemetry")
        guard topic.hasPrefix(prefix), topic.hasSuffix(suffix), topic.utf8.count > prefix.utf8.count + suffix.utf8.count
        else { return nil }
        let device = topic.utf8.dropFirst(prefix.utf8.count).dropLast(suffix.utf8.count)
        return StreamName.isID(device, of: Device.category) ? String(device) : nil
    }

    package static func notices(of device: String) -> String { "devices/\(device)/notices" }
}
