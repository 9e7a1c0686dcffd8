internal import CMosquitto
import Glibc

/// One connection of one device, from CONNECT to its end; whoever wants to reconnect makes another.
///
/// Used from one thread. A session is not kept: what the broker has not acknowledged stays with the device.
final class DeviceConnection {
    struct Failure: Error, Sendable {
        var reason: String
    }

    let inbox = DeviceInbox()
    private let handle: OpaquePointer
    private let topic: String
    private let firmwareTopic: String

    private static let library: Int32 = mosquitto_lib_init()
    private static let keepAlive: Int32 = 60

    /// Opens the socket and sends CONNECT. Blocks the thread while the name is looked up and TCP connects.
    init(device: String, key: String, host: String, port: Int) throws(Failure) {
        guard Self.library == MOSQ_ERR_SUCCESS.rawValue else { throw Failure(reason: "libmosquitto does not start") }
        // The inbox outlives the handle, so the callbacks may hold it without owning it.
        guard let handle = mosquitto_new("sim-\(device)", true, Unmanaged.passUnretained(inbox).toOpaque()) else {
            throw Failure(reason: "libmosquitto: \(String(cString: strerror(errno)))")
        }
        self.handle = handle
        topic = "devices/\(device)/telemetry"
        firmwareTopic = "devices/\(device)/firmware"
        try Self.check(mosquitto_int_option(handle, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5))
        try Self.check(mosquitto_int_option(handle, MOSQ_OPT_TCP_NODELAY, 1))
        try Self.check(mosquitto_username_pw_set(handle, device, key))
        mosquitto_connect_v5_callback_set(handle) { _, context, code, _, _ in
            DeviceInbox.of(context)?.greeting = code
        }
        mosquitto_publish_v5_callback_set(handle) { _, context, packetID, code, _ in
            DeviceInbox.of(context)?.acknowledgements.append(.init(packetID: packetID, reasonCode: code))
        }
        mosquitto_message_v5_callback_set(handle) { _, context, message, _ in
            guard let message = message?.pointee else { return }
            let payload = UnsafeRawBufferPointer(start: message.payload, count: Int(message.payloadlen))
            DeviceInbox.of(context)?.firmware.append(Array(payload))
        }
        try Self.check(mosquitto_connect_bind_v5(handle, host, Int32(port), Self.keepAlive, nil, nil))
    }

    /// Closes the socket if it is open.
    deinit { mosquitto_destroy(handle) }

    /// Publishes telemetry with QoS 1 and returns its packet id.
    func publish(_ payload: [UInt8]) throws(Failure) -> Int32 { try publish(payload, to: topic) }

    /// Says how an installation goes, with QoS 1, and returns the packet id.
    func publishFirmwareStatus(_ payload: [UInt8]) throws(Failure) -> Int32 {
        try publish(payload, to: firmwareTopic + "/status")
    }

    /// Asks for firmware messages, the retained one first.
    func subscribeToFirmware() throws(Failure) {
        try Self.check(mosquitto_subscribe_v5(handle, nil, firmwareTopic, 1, 0, nil))
    }

    private func publish(_ payload: [UInt8], to topic: String) throws(Failure) -> Int32 {
        var packetID: Int32 = 0
        try Self.check(mosquitto_publish_v5(handle, &packetID, topic, Int32(payload.count), payload, 1, false, nil))
        return packetID
    }

    var socket: Int32 { mosquitto_socket(handle) }
    var wantsWrite: Bool { mosquitto_want_write(handle) }

    func read() throws(Failure) { try Self.check(mosquitto_loop_read(handle, 1)) }
    func write() throws(Failure) { try Self.check(mosquitto_loop_write(handle, 1)) }
    /// Sends a ping if it is time, and notices a broker that answers none.
    func performUpkeep() throws(Failure) { try Self.check(mosquitto_loop_misc(handle)) }
    /// Says goodbye; the socket closes.
    func disconnect() { _ = mosquitto_disconnect_v5(handle, 0, nil) }

    private static func check(_ code: Int32) throws(Failure) {
        guard code != MOSQ_ERR_SUCCESS.rawValue else { return }
        let system = code == MOSQ_ERR_ERRNO.rawValue ? String(cString: strerror(errno)) : nil
        throw Failure(reason: system ?? String(cString: mosquitto_strerror(code)))
    }
}

extension DeviceInbox {
    fileprivate static func of(_ context: UnsafeMutableRawPointer?) -> DeviceInbox? {
        context.map { Unmanaged<DeviceInbox>.fromOpaque($0).takeUnretainedValue() }
    }
}
