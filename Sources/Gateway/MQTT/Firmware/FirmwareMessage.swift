import Aggregates
import Foundation

/// A retained message of the gateway: what a device finds on its topic whenever it comes.
struct RetainedMessage: Sendable, Hashable {
    var topic: String
    /// Empty takes away what is retained.
    var payload: [UInt8]

    /// What a device is to install.
    static func firmware(for device: String, of rollout: String, _ state: Rollout.State) -> RetainedMessage {
        let body = FirmwareMessage(rollout: rollout, version: state.version, artifact: state.artifact)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Texts always have a JSON form.
        let payload = (try? encoder.encode(body)).map { Array($0) } ?? []
        return RetainedMessage(topic: DeviceTopic.firmware(of: device), payload: payload)
    }

    static func noFirmware(for device: String) -> RetainedMessage {
        RetainedMessage(topic: DeviceTopic.firmware(of: device), payload: [])
    }
}

private struct FirmwareMessage: Encodable {
    var rollout: String
    var version: String
    var artifact: FirmwareArtifact
}

/// What carries retained messages to the broker.
protocol RetainedPublishing: Sendable {
    /// Returns when the broker has acknowledged all of them.
    ///
    /// - Throws: if the connection is down or ends before that; some of them may have arrived.
    func publish(_ messages: [RetainedMessage]) async throws(MQTTError)
}
