import Aggregates
import Foundation
import Runtime

/// A message on `devices/{d}/firmware/status`: which rollout, how it goes, and which version the device runs or installs.
struct FirmwareStatusPayload: Decodable, Equatable {
    static let mostBytes = 4_096
    static let mostDetailBytes = 500

    var rollout: String
    var status: String
    var version: String
    var detail: String?

    /// - Returns: the rollout that it concerns, and what the device reports.
    static func report(
        _ payload: [UInt8], from device: String
    ) throws(MalformedPayload) -> (rollout: String, report: FirmwareReport) {
        guard payload.count <= mostBytes else {
            throw MalformedPayload(
                "the message has \(payload.count) bytes", advice: "send at most \(mostBytes) bytes")
        }
        guard let body = try? JSONDecoder().decode(Self.self, from: Data(payload)) else {
            throw MalformedPayload(
                "the message is not a JSON object with rollout, status and version as texts",
                advice: "send an object such as {\"rollout\":\"k3x\",\"status\":\"installing\",\"version\":\"2.0\"}")
        }
        guard StreamName("\(Rollout.category)-\(body.rollout)") != nil else {
            throw MalformedPayload("no rollout can have this id", advice: "send the id from the firmware message")
        }
        guard let status = FirmwareReport.Status(rawValue: body.status) else {
            throw MalformedPayload(
                "the status is unknown", advice: "send one of downloading, installing, succeeded, failed")
        }
        guard FirmwareReport.isVersion(body.version) else {
            throw MalformedPayload("version is not a version", advice: "send 1 to 64 printable characters of ASCII")
        }
        if let detail = body.detail {
            guard detail.utf8.count <= mostDetailBytes,
                !detail.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F })
            else {
                throw MalformedPayload(
                    "detail is too long, or has control characters",
                    advice: "send at most \(mostDetailBytes) bytes of plain text")
            }
        }
        return (
            body.rollout,
            FirmwareReport(device: device, status: status, version: body.version, detail: body.detail)
        )
    }
}
