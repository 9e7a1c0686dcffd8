import Installation
import Runtime
import Support

extension TestedSystem {
    /// A connection of one who may publish and read everything.
    func connectAsGateway() async throws -> MQTTConnection {
        try await MQTTConnection.open(
            port: broker.port, user: BrokerFiles.gatewayUser, password: broker.files.gatewayPassword, on: thread)
    }

    /// The devices that find a firmware message at the broker.
    func devicesWithFirmware() async throws -> Set<String> { Set(try await retained("firmware").keys) }

    /// What the broker retains for each device under a name.
    func retained(_ name: String) async throws -> [String: String] {
        let connection = try await connectAsGateway()
        try await connection.subscribe(to: "devices/+/\(name)")
        // What is retained comes before what is published after the subscription.
        let end = "devices/end/\(name)"
        _ = try await connection.publish(Array("end".utf8), to: end)
        var messages: [String: String] = [:]
        while let packet = try await connection.packet(until: .now + .seconds(10)) {
            guard case .published(let topic, let payload, _) = packet else { continue }
            if topic == end { return messages }
            messages[String(topic.split(separator: "/")[1])] = String(decoding: payload, as: UTF8.self)
        }
        throw Wrong("the end of the retained messages did not come")
    }
}

extension MQTTConnection {
    /// Says how warm a device is.
    func report(_ temperature: Double, of device: String) async throws {
        let reason = try await deliver(
            Array(#"{"ts":"\#(Timestamp.now())","temperature":\#(temperature)}"#.utf8),
            to: "devices/\(device)/telemetry")
        guard reason == 0 else { throw Wrong("a reading was answered \(reason)") }
    }
}
