import Foundation
import Installation
import Support

struct Login: Sendable {
    let name: String
    let password: String

    var arguments: [String] { ["-u", name, "-P", password] }
}

extension ThrowawayBroker {
    var gateway: Login { Login(name: BrokerFiles.gatewayUser, password: files.gatewayPassword) }
    var log: String { get throws { try String(contentsOfFile: folder + "/mosquitto/log", encoding: .utf8) } }
    var server: [String] { ["-h", address, "-p", "\(port)"] }

    /// Lets a device in, as the gateway will.
    func admit(_ device: String) async throws -> Login {
        try await admit([device: "secret"])
        return Login(name: device, password: "secret")
    }
}

func publish(
    to broker: ThrowawayBroker, as login: Login?, topic: String = "devices/d1/telemetry",
    message: String = "{}"
) async throws {
    let arguments = broker.server + ["-q", "1", "-t", topic, "-s"] + (login?.arguments ?? [])
    try await run("/usr/bin/mosquitto_pub", arguments, input: message)
}

/// The next message, as `<topic> <payload>`; throws if none comes within `patience` seconds.
func received(
    by login: Login, from broker: ThrowawayBroker, topic: String, session: String? = nil, patience: Int = 10
) async throws -> String {
    let id =
        session.map { ["-i", $0, "-c"] } ?? [
            "-i", "listener-\(login.name == BrokerFiles.gatewayUser ? "gateway" : login.name)",
        ]
    let arguments = broker.server + ["-q", "1", "-C", "1", "-W", "\(patience)", "-v", "-t", topic] + id
    return try await run("/usr/bin/mosquitto_sub", arguments + login.arguments)
}

/// Leaves a session behind that takes messages while nobody is connected.
func subscribe(to broker: ThrowawayBroker, session: String, topic: String) async throws {
    let arguments = broker.server + ["-q", "1", "-E", "-c", "-i", session, "-t", topic]
    try await run("/usr/bin/mosquitto_sub", arguments + broker.gateway.arguments)
}
