import Aggregates
import Runtime

extension DeviceTopic {
    package static let firmwareStatus = "devices/+/firmware/status"

    package static func firmware(of device: String) -> String { "devices/\(device)/firmware" }

    /// The device whose firmware status this is; nil if it is another topic, or no device can have that id.
    package static func firmwareStatusDevice(_ topic: String) -> String? {
        let parts = topic.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0] == "devices", parts[2] == "firmware", parts[3] == "status",
            let stream = StreamName("\(Device.category)-\(parts[1])")
        else { return nil }
        return stream.id
    }
}
