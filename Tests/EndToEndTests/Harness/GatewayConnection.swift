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
    func devicesWithFirmware() async throws -> Set<String> {
        let connection = try await connectAsGateway()
        try await connection.subscribe(to: "devices/+/firmware")
        // What is retained comes before what is published after the subscription.
        let end = "devices/end/firmware"
        _ = try await connection.publish(Array("end".utf8), to: end)
        var devices: Set<String> = []
        while let packet = try await connection.packet(until: .now + .seconds(10)) {
            guard case .published(let topic, _, _) = packet else { continue }
            if topic == end { return devices }
            devices.insert(String(topic.split(separator: "/")[1]))
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
