internal import CMosquitto
import Glibc
import Installation
import Synchronization

/// A client by plain calls of libmosquitto, used from one thread.
final class PlainClient {
    /// What the callbacks count; readable from anywhere.
    final class Tally: Sendable {
        let isConnected = Atomic(false)
        let isSubscribed = Atomic(false)
        let acknowledged = Atomic(0)
        let received = Atomic(0)
    }

    private let handle: OpaquePointer
    private let tally: Tally

    /// Touched first of all, since it must not run twice at once.
    static let library = mosquitto_lib_init()

    /// Connects and returns when the broker has agreed.
    ///
    /// - Parameter login: the gateway's if nil, who may publish and read everything.
    init(
        to broker: PrivateBroker, as clientID: String, login: (user: String, password: String)? = nil, inFlight: Int,
        _ tally: Tally
    ) throws {
        self.tally = tally
        guard Self.library == 0, let handle = mosquitto_new(clientID, true, Unmanaged.passUnretained(tally).toOpaque())
        else { throw BenchmarkFailed("libmosquitto does not start") }
        self.handle = handle
        try check(mosquitto_int_option(handle, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5))
        try check(mosquitto_int_option(handle, MOSQ_OPT_RECEIVE_MAXIMUM, Int32(inFlight)))
        try check(mosquitto_int_option(handle, MOSQ_OPT_SEND_MAXIMUM, Int32(inFlight)))
        try check(mosquitto_int_option(handle, MOSQ_OPT_TCP_NODELAY, 1))
        let (user, password) = login ?? (BrokerFiles.gatewayUser, broker.files.gatewayPassword)
        try check(mosquitto_username_pw_set(handle, user, password))
        mosquitto_connect_callback_set(handle) { _, context, code in
            if code == 0 { Tally.of(context)?.isConnected.store(true, ordering: .releasing) }
        }
        mosquitto_subscribe_callback_set(handle) { _, context, _, _, _ in
            Tally.of(context)?.isSubscribed.store(true, ordering: .releasing)
        }
        mosquitto_publish_callback_set(handle) { _, context, _ in
            _ = Tally.of(context)?.acknowledged.add(1, ordering: .relaxed)
        }
        mosquitto_message_callback_set(handle) { _, context, _ in
            _ = Tally.of(context)?.received.add(1, ordering: .relaxed)
        }
        try check(mosquitto_connect(handle, broker.address, Int32(broker.port), 60))
        try turn(until: tally.isConnected)
    }

    deinit { mosquitto_destroy(handle) }

    func subscribe(to topic: String) throws {
        try check(mosquitto_subscribe(handle, nil, topic, 1))
        try turn(until: tally.isSubscribed)
    }

    /// QoS 1.
    func publish(_ payload: [UInt8], to topic: String) throws {
        try check(mosquitto_publish(handle, nil, topic, Int32(payload.count), payload, 1, false))
    }

    /// Waits until the broker ends the connection.
    func turnUntilEnded() throws {
        let deadline = ContinuousClock.now + .seconds(30)
        while mosquitto_loop(handle, 1, 1) == 0 {
            guard ContinuousClock.now < deadline else { throw BenchmarkFailed("the connection does not end") }
        }
    }

    /// Reads and writes what is there, and waits for it at most so long.
    func turn(milliseconds: Int32) throws { try check(mosquitto_loop(handle, milliseconds, 1)) }

    private func turn(until flag: borrowing Atomic<Bool>) throws {
        let deadline = ContinuousClock.now + .seconds(10)
        while !flag.load(ordering: .acquiring) {
            guard ContinuousClock.now < deadline else { throw BenchmarkFailed("the broker does not answer") }
            try turn(milliseconds: 10)
        }
    }

    private func check(_ code: Int32) throws {
        guard code == 0 else { throw BenchmarkFailed("libmosquitto: \(String(cString: mosquitto_strerror(code)))") }
    }
}

extension PlainClient.Tally {
    fileprivate static func of(_ context: UnsafeMutableRawPointer?) -> PlainClient.Tally? {
        context.map { Unmanaged<PlainClient.Tally>.fromOpaque($0).takeUnretainedValue() }
    }
}
