/// What libmosquitto's callbacks have left; they do nothing but append here, because they run inside its calls.
final class DeviceInbox {
    struct Acknowledgement {
        var packetID: Int32
        var reasonCode: Int32
    }

    /// The reason code of CONNACK.
    var greeting: Int32?
    var acknowledgements: [Acknowledgement] = []
    /// The payloads that came on the device's firmware topic.
    var firmware: [[UInt8]] = []
}
