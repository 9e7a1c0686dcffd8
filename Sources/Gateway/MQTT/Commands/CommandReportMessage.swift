import Aggregates
import Foundation
import Runtime

/// A message on `devices/{d}/commands/status`: `{"id":"k3x","state":"succeeded","result":{"volts":3.6}}`.
enum CommandReportMessage {
    private static let mostBytes = 32 << 10

    private struct Body: Decodable {
        enum State: String, Decodable { case acknowledged, succeeded, failed }

        var id: String
        var state: State
        var result: JSONValue?
        var error: String?
    }

    static func report(_ payload: [UInt8]) throws(MalformedPayload) -> DeviceCommandReport {
        guard payload.count <= mostBytes else {
            throw MalformedPayload("the message has \(payload.count) bytes", advice: "send at most \(mostBytes) bytes")
        }
        guard let body = try? JSONDecoder().decode(Body.self, from: Data(payload)) else {
            throw MalformedPayload(
                "the message is not a JSON object with id and state",
                advice: "send an object such as {\"id\":\"...\",\"state\":\"acknowledged\"}")
        }
        if let error = body.error {
            guard error.utf8.count <= IssuedCommands.mostErrorBytes,
                !error.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F })
            else {
                throw MalformedPayload(
                    "error is too long, or has control characters",
                    advice: "send at most \(IssuedCommands.mostErrorBytes) bytes of plain text")
            }
        }
        let stage: DeviceCommandReport.Stage =
            switch body.state {
            case .acknowledged: .acknowledged
            case .succeeded, .failed:
                .ended(.init(hasSucceeded: body.state == .succeeded, result: body.result, error: body.error))
            }
        return DeviceCommandReport(id: body.id, stage: stage)
    }
}

extension TelemetryMessage {
    /// What a device says of a command, on the way of telemetry. What is to be delivered may change with it.
    init(
        commandOf device: String, _ received: ReceivedMessage, stamp: DeliveryStamp, receivedTime: Timestamp,
        fence: StreamVersion?, sideRows: [SideRow] = []
    ) {
        self.init(
            about: device, received, stamp: stamp, receivedTime: receivedTime, fence: fence,
            sideRows: sideRows + [PostgresCommandOutbox.change(of: device)]
        ) { payload throws(MalformedPayload) in
            .reportCommand(try CommandReportMessage.report(payload))
        }
    }
}

extension DeviceTopic {
    package static let commandStatus = "devices/+/commands/status"

    package static func commands(of device: String) -> String { "devices/\(device)/commands" }

    /// The device that reports on a command; nil if it is another topic, or no device can have that id.
    package static func commandStatusDevice(_ topic: String) -> String? {
        let parts = topic.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0] == "devices", parts[2] == "commands", parts[3] == "status",
            let stream = StreamName("\(Device.category)-\(parts[1])")
        else { return nil }
        return stream.id
    }
}
