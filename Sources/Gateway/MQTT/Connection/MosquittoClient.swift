internal import CMosquitto
import Glibc
import Runtime

/// One connection by libmosquitto, from its socket's birth to its end. Belongs to one actor on a poll thread.
///
/// After `mosquitto_threaded_set(true)` packets leave in `write()` only, acknowledgements included. There is no
/// reconnecting: a connection that has ended is dropped, and its queued packets with it.
final class MosquittoClient {
    struct Options {
        var clientID: String
        var cleanStart: Bool
        /// Seconds that the broker keeps the session; `UInt32.max` for ever.
        var sessionExpiry: UInt32
        var receiveMaximum: UInt16
        /// Seconds, 0 for none.
        var keepAlive: Int32
    }

    let inbox: MosquittoInbox
    let usesTLS: Bool
    private let handle: OpaquePointer
    private let address: BrokerAddress
    private let options: Options

    /// Safe once in a process, and never undone: other clients may still be alive at exit.
    private static let library: Int32 = mosquitto_lib_init()

    init(_ address: BrokerAddress, _ options: Options) throws(MQTTError) {
        guard Self.library == MOSQ_ERR_SUCCESS.rawValue else { throw .lost(reason: "libmosquitto does not start") }
        inbox = MosquittoInbox(arrivals: ArrivalProperty(password: address.password))
        // The inbox outlives the handle, so the callbacks may hold it without owning it.
        let context = Unmanaged.passUnretained(inbox).toOpaque()
        guard let handle = mosquitto_new(options.clientID, options.cleanStart, context) else {
            throw .lost(reason: "libmosquitto: \(String(cString: strerror(errno)))")
        }
        self.handle = handle
        self.address = address
        self.options = options
        usesTLS = address.certificateAuthorities != nil
        try Self.check(mosquitto_int_option(handle, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5))
        try Self.check(mosquitto_int_option(handle, MOSQ_OPT_RECEIVE_MAXIMUM, Int32(options.receiveMaximum)))
        try Self.check(mosquitto_int_option(handle, MOSQ_OPT_TCP_NODELAY, 1))
        try Self.check(mosquitto_threaded_set(handle, true))
        try Self.check(mosquitto_username_pw_set(handle, address.username, address.password))
        if let file = address.certificateAuthorities {
            try Self.check(mosquitto_tls_set(handle, file, nil, nil, nil, nil))
        }
        setCallbacks()
    }

    /// Closes the socket without DISCONNECT: what was not written is not acknowledged.
    deinit { mosquitto_destroy(handle) }

    /// Opens the socket and queues CONNECT. Blocks the thread while the name is looked up and TCP connects.
    func connect() throws(MQTTError) {
        var properties: OpaquePointer?
        defer { mosquitto_property_free_all(&properties) }
        let property = Int32(MQTT_PROP_SESSION_EXPIRY_INTERVAL.rawValue)
        try Self.check(mosquitto_property_add_int32(&properties, property, options.sessionExpiry))
        try Self.check(
            mosquitto_connect_bind_v5(
                handle, address.host, Int32(address.port), options.keepAlive, nil, properties))
        keepWatchOverTheSocket()
    }

    /// Queues SUBSCRIBE with QoS 1.
    ///
    /// - Parameter retained: whether to be sent the retained messages now, which each reconnect then brings again.
    func subscribe(to topics: [String], retained: Bool) throws(MQTTError) {
        var names = topics.map { strdup($0) }
        defer { for name in names { free(name) } }
        let options = retained ? MQTT_SUB_OPT_SEND_RETAIN_ALWAYS : MQTT_SUB_OPT_SEND_RETAIN_NEVER
        try Self.check(
            mosquitto_subscribe_multiple(handle, nil, Int32(names.count), &names, 1, Int32(options.rawValue), nil))
    }

    /// Queues a message and returns its packet id.
    @discardableResult
    func publish(
        _ payload: [UInt8], to topic: String, qos: Int32, retained: Bool = false, expirySeconds: UInt32? = nil
    ) throws(MQTTError) -> Int32 {
        var properties: OpaquePointer?
        defer { mosquitto_property_free_all(&properties) }
        if let expirySeconds {
            let property = Int32(MQTT_PROP_MESSAGE_EXPIRY_INTERVAL.rawValue)
            try Self.check(mosquitto_property_add_int32(&properties, property, expirySeconds))
        }
        var packetID: Int32 = 0
        try Self.check(
            mosquitto_publish_v5(handle, &packetID, topic, Int32(payload.count), payload, qos, retained, properties))
        return packetID
    }

    var socket: Int32 { mosquitto_socket(handle) }
    var wantsWrite: Bool { mosquitto_want_write(handle) }

    /// Whether the socket holds something to read right now.
    var isReadable: Bool {
        var descriptor = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        return poll(&descriptor, 1, 0) > 0
    }

    /// Reads about one packet, if there is one.
    func read() throws(MQTTError) { try Self.check(mosquitto_loop_read(handle, 1), inbox) }

    /// Writes what is queued, as far as the socket takes it.
    func write() throws(MQTTError) { try Self.check(mosquitto_loop_write(handle, 1), inbox) }

    /// Whether the kernel waits for full segments. A round's acknowledgements are packets of a few bytes, each written by
    /// a call of its own; one by one they would cost a segment each, or wait for Nagle's algorithm.
    func cork(_ isCorked: Bool) { set(TCP_CORK, of: Int32(IPPROTO_TCP), to: isCorked ? 1 : 0) }

    /// Keeps the connection alive if it has a keep-alive time.
    func performUpkeep() throws(MQTTError) { try Self.check(mosquitto_loop_misc(handle), inbox) }

    private static func check(_ code: Int32, _ inbox: MosquittoInbox? = nil) throws(MQTTError) {
        guard code != MOSQ_ERR_SUCCESS.rawValue else { return }
        if let greeting = inbox?.greeting, greeting.reasonCode != 0 { throw .refused(reasonCode: greeting.reasonCode) }
        if let reason = inbox?.disconnectReason, reason > 127 {
            throw .lost(reason: "the broker ended it with reason code \(reason)")
        }
        let system = code == MOSQ_ERR_ERRNO.rawValue ? String(cString: strerror(errno)) : nil
        throw .lost(reason: system ?? String(cString: mosquitto_strerror(code)))
    }

    /// Without MQTT's keep-alive only TCP's notices a broker that has vanished with its machine.
    private func keepWatchOverTheSocket() {
        set(SO_KEEPALIVE, of: SOL_SOCKET, to: 1)
        for (option, value) in [(TCP_KEEPIDLE, Int32(15)), (TCP_KEEPINTVL, 5), (TCP_KEEPCNT, 3)] {
            set(option, of: Int32(IPPROTO_TCP), to: value)
        }
    }

    private func set(_ option: Int32, of level: Int32, to value: Int32) {
        var value = value
        setsockopt(socket, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    private func setCallbacks() {
        mosquitto_connect_v5_callback_set(handle) { _, context, code, flags, _ in
            MosquittoInbox.of(context)?.greeting = .init(reasonCode: code, sessionPresent: flags & 1 == 1)
        }
        mosquitto_disconnect_v5_callback_set(handle) { _, context, code, _ in
            MosquittoInbox.of(context)?.disconnectReason = code
        }
        mosquitto_subscribe_v5_callback_set(handle) { _, context, _, count, codes, _ in
            guard let codes else { return }
            MosquittoInbox.of(context)?.subscription = (0..<Int(count)).map { codes[$0] }
        }
        mosquitto_publish_v5_callback_set(handle) { _, context, packetID, _, _ in
            MosquittoInbox.of(context)?.published.append(packetID)
        }
        mosquitto_message_v5_callback_set(handle) { _, context, message, properties in
            guard let inbox = MosquittoInbox.of(context), let message = message?.pointee, let topic = message.topic
            else { return }
            let payload = UnsafeRawBufferPointer(start: message.payload, count: Int(message.payloadlen))
            let name = String(cString: topic)
            inbox.messageBytes += payload.count
            inbox.messages.append(
                ReceivedMessage(
                    topic: name, payload: Array(payload), packetID: UInt16(truncatingIfNeeded: message.mid),
                    arrival: inbox.arrivals.read(properties, topic: name), contentType: ContentType(properties)))
        }
    }
}

extension ContentType {
    /// Nothing is copied unless the message says what it is.
    fileprivate init(_ properties: OpaquePointer?) {
        var text: UnsafeMutablePointer<CChar>?
        mosquitto_property_read_string(properties, Int32(MQTT_PROP_CONTENT_TYPE.rawValue), &text, false)
        defer { free(text) }
        self = text.map { ContentType(String(cString: $0)) } ?? .none
    }
}

extension MosquittoInbox {
    fileprivate static func of(_ context: UnsafeMutableRawPointer?) -> MosquittoInbox? {
        context.map { Unmanaged<MosquittoInbox>.fromOpaque($0).takeUnretainedValue() }
    }
}
