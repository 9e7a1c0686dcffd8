import Aggregates
import Foundation
import Runtime

/// A message on `devices/{d}/status`: `{"online":true,"firmware":"1.4.2"}`.
enum StatusMessage {
    private static let mostBytes = 4_096

    private struct Body: Decodable {
        var online: Bool
        var firmware: String?
    }

    static func report(_ payload: [UInt8]) throws(MalformedPayload) -> StatusReport {
        guard payload.count <= mostBytes else {
            throw MalformedPayload("the message has \(payload.count) bytes", advice: "send at most \(mostBytes) bytes")
        }
        guard let body = try? JSONDecoder().decode(Body.self, from: Data(payload)) else {
            throw MalformedPayload(
                "the message is not a JSON object with online as true or false",
                advice: "send an object such as {\"online\":true,\"firmware\":\"1.4.2\"}")
        }
        if let firmware = body.firmware, !FirmwareReport.isVersion(firmware) {
            throw MalformedPayload("firmware is not a version", advice: "send 1 to 64 printable characters of ASCII")
        }
        return StatusReport(isOnline: body.online, firmware: body.firmware)
    }
}

extension TelemetryMessage {
    /// A status message. It goes the way of telemetry, since the order of the two says whether the device is there.
    ///
    /// It has no number and no time of its own: a last will was written when the session began.
    init(
        statusOf device: String, _ received: ReceivedMessage, stamp: DeliveryStamp, receivedTime: Timestamp,
        fence: StreamVersion?, sideRows: [SideRow] = []
    ) {
        self.init(about: device, received, stamp: stamp, receivedTime: receivedTime, fence: fence, sideRows: sideRows) {
            payload throws(MalformedPayload) in
            .reportStatus(try StatusMessage.report(payload))
        }
    }
}

extension DeviceTopic {
    package static let status = "devices/+/status"

    /// The device whose status this is; nil if it is another topic, or no device can have that id.
    package static func statusDevice(_ topic: String) -> String? {
        let parts = topic.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "devices", parts[2] == "status",
            let stream = StreamName("\(Device.category)-\(parts[1])")
        else { return nil }
        return stream.id
    }
}
