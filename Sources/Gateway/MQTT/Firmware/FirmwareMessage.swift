import Aggregates
import Foundation

extension DeviceMessage {
    /// What a device is to install.
    static func firmware(for device: String, of rollout: String, _ state: Rollout.State) -> DeviceMessage {
        let body = FirmwareMessage(rollout: rollout, version: state.version, artifact: state.artifact)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Texts always have a JSON form.
        let payload = (try? encoder.encode(body)).map { Array($0) } ?? []
        return DeviceMessage(topic: DeviceTopic.firmware(of: device), payload: payload)
    }

    static func noFirmware(for device: String) -> DeviceMessage {
        DeviceMessage(topic: DeviceTopic.firmware(of: device), payload: [])
    }
}

private struct FirmwareMessage: Encodable {
    var rollout: String
    var version: String
    var artifact: FirmwareArtifact
}
