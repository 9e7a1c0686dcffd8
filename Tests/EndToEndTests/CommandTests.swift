import Foundation
import Runtime
import Support
import Testing

extension EndToEnd {
    @Suite(.timeLimit(.minutes(2))) struct `A server that is killed between a command and its time-out` {
        @Test func `ends it in time all the same, and takes what comes late for late`() async throws {
            try await TestedSystem.with { system in
                var server = try await system.start()
                let device = try await system.api(server).register("valve")
                let short = try await system.api(server).command("close", to: device.id, timeout: 8)
                let long = try await system.api(server).command("open", to: device.id, timeout: 600)
                try await system.api(server).await("sent", of: short.id, device)
                try await system.api(server).await("sent", of: long.id, device)
                await server.kill()
                // It comes back while no server is there.
                let found = try await system.commands(foundBy: device)
                guard found == [short.id, long.id] else { throw Wrong("the device finds \(found)") }
                let valve = try await system.connected(device)
                try await valve.report(#"{"id":"\#(long.id)","state":"acknowledged"}"#, by: device)
                let end = try #require(Timestamp(short.expiresTime))
                try await eventually("its time has passed") { Timestamp.now() >= end }
                let late = try await system.commands(foundBy: device)
                guard late.isEmpty else { throw Wrong("the device still finds \(late)") }

                server = try await system.start()
                let api = system.api(server)
                try await api.await("timedOut", of: short.id, device)
                try await api.await("acknowledged", of: long.id, device)
                try await valve.report(#"{"id":"\#(short.id)","state":"succeeded","result":1}"#, by: device)
                try await valve.report(#"{"id":"\#(long.id)","state":"failed","error":"jammed"}"#, by: device)
                try await valve.report(#"{"id":"\#(long.id)","state":"failed","error":"jammed"}"#, by: device)
                try await eventually("both outcomes are there") {
                    let (first, second) = (
                        try await api.command(short.id, of: device.id), try await api.command(long.id, of: device.id)
                    )
                    return first.state == "timedOut" && first.outcome?.isLate == true
                        && second.state == "failed" && second.outcome?.isLate == false
                }
                let events = try await system.texts(
                    "command events",
                    """
                    select type from events where stream = $1 and type like 'Command%' and type <> 'CommandSent'
                    order by version
                    """, [.text("device-\(device.id)")])
                guard
                    events.sorted() == [
                        "CommandAcknowledged", "CommandEnded", "CommandEnded", "CommandIssued", "CommandIssued",
                        "CommandTimedOut",
                    ]
                else { throw Wrong("the device's stream has \(events)") }
            }
        }
    }
}

private struct Command: Decodable, Sendable {
    struct Outcome: Decodable, Sendable { var isLate: Bool }

    var id: String
    var state: String
    var expiresTime: String
    var outcome: Outcome?
}

extension API {
    fileprivate func command(_ name: String, to device: String, timeout: Int) async throws -> Command {
        try await send(
            "POST", "/api/v1/devices/\(device)/commands", #"{"name":"\#(name)","timeoutSeconds":\#(timeout)}"#
        ).value()
    }

    fileprivate func await(_ state: String, of id: String, _ device: Device) async throws {
        try await eventually(within: .seconds(60), "\(id) is \(state)") {
            try await command(id, of: device.id).state == state
        }
    }

    fileprivate func command(_ id: String, of device: String) async throws -> Command {
        try await send("GET", "/api/v1/devices/\(device)/commands/\(id)").value()
    }
}

extension TestedSystem {
    fileprivate func connected(_ device: API.Device) async throws -> MQTTConnection {
        try await MQTTConnection.open(
            port: broker.port, user: device.id, password: device.apiKey ?? "", on: thread)
    }

    /// What is handed to the device if it comes now.
    fileprivate func commands(foundBy device: API.Device) async throws -> [String] {
        struct Message: Decodable {
            struct Command: Decodable { var id: String }
            var commands: [Command]
        }
        let connection = try await connected(device)
        try await connection.subscribe(to: "devices/\(device.id)/notices")
        try await connection.subscribe(to: "devices/\(device.id)/commands")
        // What is retained comes before what is published after it.
        try await connectAsGateway().deliver(Array("end".utf8), to: "devices/\(device.id)/notices")
        var found: [String] = []
        while let packet = try await connection.packet(until: .now + .seconds(60)) {
            guard case .published(let topic, let payload, _) = packet else { continue }
            if topic.hasSuffix("/notices") { return found }
            found += try JSONDecoder().decode(Message.self, from: Data(payload)).commands.map(\.id)
        }
        throw Wrong("nothing comes from the broker")
    }
}

extension MQTTConnection {
    fileprivate func report(_ payload: String, by device: API.Device) async throws {
        let reason = try await deliver(Array(payload.utf8), to: "devices/\(device.id)/commands/status")
        guard reason == 0 || reason == 16 else { throw Wrong("a report was answered \(reason)") }
    }
}
