import Aggregates
import Foundation
import Runtime

/// A message on `devices/{d}/config/reported`: `{"version":3,"config":{"interval":60}}`.
enum ConfigurationReportMessage {
    private static let mostBytes = 32 << 10

    static func report(_ payload: [UInt8]) throws(MalformedPayload) -> ConfigurationReported {
        guard payload.count <= mostBytes else {
            throw MalformedPayload("the message has \(payload.count) bytes", advice: "send at most \(mostBytes) bytes")
        }
        guard let report = try? JSONDecoder().decode(ConfigurationReported.self, from: Data(payload)) else {
            throw MalformedPayload(
                "the message is not a JSON object with config as an object",
                advice: "send an object such as {\"version\":3,\"config\":{\"interval\":60}}")
        }
        if let error = report.error {
            guard error.utf8.count <= Configuration.mostErrorBytes,
                !error.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F })
            else {
                throw MalformedPayload(
                    "error is too long, or has control characters",
                    advice: "send at most \(Configuration.mostErrorBytes) bytes of plain text")
            }
        }
        return report
    }
}

extension TelemetryMessage {
    /// A report of the configuration that is in force, on the way of telemetry.
    init(
        configurationOf device: String, _ received: ReceivedMessage, stamp: DeliveryStamp, receivedTime: Timestamp,
        fence: StreamVersion?, sideRows: [SideRow] = []
    ) {
        self.init(about: device, received, stamp: stamp, receivedTime: receivedTime, fence: fence, sideRows: sideRows) {
            payload throws(MalformedPayload) in
            .reportConfiguration(try ConfigurationReportMessage.report(payload))
        }
    }
}

extension DeviceTopic {
    package static let configurationReport = "devices/+/config/reported"

    package static func configuration(of device: String) -> String { "devices/\(device)/config" }

    /// The device whose configuration is reported; nil if it is another topic, or no device can have that id.
    package static func configurationReportDevice(_ topic: String) -> String? {
        let parts = topic.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0] == "devices", parts[2] == "config", parts[3] == "reported",
            let stream = StreamName("\(Device.category)-\(parts[1])")
        else { return nil }
        return stream.id
    }
}
