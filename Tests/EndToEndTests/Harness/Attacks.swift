import Runtime
import Support

extension TestedSystem {
    func open(_ login: MQTTLogin) async throws -> MQTTConnection {
        try await MQTTConnection.open(port: broker.port, login, on: thread)
    }

    func isRefused(_ login: MQTTLogin) async throws {
        do {
            _ = try await open(login)
        } catch let failure as MQTTConnection.Failure {
            if case .timedOut = failure { throw Wrong("the broker does not answer a CONNECT") }
            return
        }
        throw Wrong("\(login.user ?? "nobody") came in with client id \(login.clientID)")
    }

    /// Waits until so many readings of the device are in the log.
    func recorded(_ count: Int, of device: API.Device) async throws {
        try await eventually("\(count) readings of \(device.name)", every: .milliseconds(50)) {
            try await number(
                "readings of \(device.id)",
                "select count(*) from events where stream = 'device-\(device.id)' and type = 'TelemetryRecorded'"
            ) == count
        }
    }
}

extension MQTTConnection {
    /// Publishes what must not be taken, and sees that it is answered so, in the way of the protocol's version.
    func isDenied(
        _ payload: [UInt8], on topic: String, qos: UInt8, isRetained: Bool = false, version: UInt8 = 5
    ) async throws {
        try await write(
            MQTTPacket.publish(
                payload, to: Array(topic.utf8), packetID: 3, qos: qos, isRetained: isRetained, version: version))
        guard qos > 0 else { return }
        // Version 3.1.1 has no word for it, and acknowledges.
        let expected: UInt8 = version == 5 ? 135 : 0
        switch try await packet(until: .now + .seconds(20)) {
        case .publishAcknowledged(3, expected) where qos == 1: return
        case .publishReceived(3, expected) where qos == 2: return
        case let other: throw Wrong("\(topic.prefix(60)) was answered \(String(describing: other))")
        }
    }

    /// Waits for the broker to end the connection.
    func isEnded(within limit: Duration) async throws {
        let deadline = ContinuousClock.now + limit
        do {
            while try await packet(until: deadline) != nil {}
        } catch is Failure {
            return
        }
        throw Wrong("the connection was not ended within \(limit)")
    }

    func subscribe(to filter: String, version: UInt8) async throws {
        try await write(MQTTPacket.subscribe(to: Array(filter.utf8), packetID: 8, version: version))
        guard case .subscribed(8, 1) = try await packet(until: .now + .seconds(20)) else {
            throw Wrong("\(filter) was refused")
        }
    }
}

extension API {
    func rotate(_ device: String, overlap: Int) async throws -> String {
        struct Issued: Decodable { var apiKey: String }
        let issued: Issued = try await send(
            "POST", "/api/v1/devices/\(device)/credentials/rotate", #"{"overlapSeconds":\#(overlap)}"#
        ).value()
        return issued.apiKey
    }

    /// The value of a metric without labels.
    func metric(_ name: String) async throws -> Double {
        let page = try await send("GET", "/metrics").text
        let line = page.split(separator: "\n").first { $0.hasPrefix(name + " ") }
        return line.flatMap { Double($0.dropFirst(name.count + 1)) } ?? 0
    }
}
