import Foundation
import Installation
import Runtime
import Support
import Testing

extension EndToEnd {
    @Suite(.timeLimit(.minutes(2))) struct `A device that sends what it should not` {
        @Test func `is told so, harms nobody, and has its good messages recorded`() async throws {
            try await TestedSystem.with { system in
                let server = try await system.start()
                let api = system.api(server)
                let bystander = try await api.register("bystander")
                let watch = try await system.connect(bystander)
                for (name, payload) in badPayloads {
                    try await checkRefusal(of: payload, name, by: api.register(name), system)
                    try await watch.deliver(Array(#"{"n":1}"#.utf8), to: "devices/\(bystander.id)/telemetry")
                }
                try await checkForeignTopics(system, intruder: api.register("intruder"), bystander)
                try await checkTooLarge(system, bystander)
                try await watch.deliver(Array(#"{"n":1}"#.utf8), to: "devices/\(bystander.id)/telemetry")
                try await eventually("the bystander's readings are all there", every: .milliseconds(100)) {
                    try await api.device(bystander.id).telemetryCount == badPayloads.count + 1
                }
                guard !server.hasEnded, await api.readiness()?.status == 200 else { throw Wrong("not ready") }
                let checker = Checker(system: system)
                try await checker.logIsSound()
                try await system.viewsCaughtUp()
                try await checker.viewsCountAsTheLog()
                try await checker.viewsEqualRebuild()
            }
        }

        /// A good message before and after it; both are recorded, the bad one is refused and answered.
        private func checkRefusal(
            of payload: [UInt8], _ name: String, by device: API.Device, _ system: TestedSystem
        ) async throws {
            let connection = try await system.connect(device)
            try await connection.subscribe(to: "devices/\(device.id)/notices")
            let topic = "devices/\(device.id)/telemetry"
            _ = try await connection.publish(Array(#"{"n":1}"#.utf8), to: topic)
            _ = try await connection.publish(payload, to: topic)
            _ = try await connection.publish(Array(#"{"n":2}"#.utf8), to: topic)
            var notice = ""
            while notice.isEmpty {
                guard let packet = try await connection.packet(until: .now + .seconds(10)) else {
                    throw Wrong("\(name): no notice came")
                }
                if case .published(_, let text, _) = packet { notice = String(decoding: text, as: UTF8.self) }
            }
            guard notice.contains("\"reason\"") else { throw Wrong("\(name): the notice is \(notice)") }
            let stream = PostgresValue.text("device-\(device.id)")
            try await eventually("\(name): two readings and a refusal", every: .milliseconds(50)) {
                let readings = try await system.number(
                    "readings of a device",
                    "select count(*) from events where stream = $1 and type = 'TelemetryRecorded'", [stream])
                let refusals = try await system.number(
                    "refusals of a device",
                    "select count(*) from events where stream = $1 and type = 'MessageRefused'", [stream])
                return readings == 2 && refusals == 1
            }
        }

        private func checkForeignTopics(
            _ system: TestedSystem, intruder: API.Device, _ bystander: API.Device
        ) async throws {
            let connection = try await system.connect(intruder)
            let bad = Array(#"{"n":666}"#.utf8)
            // 135: not authorised.
            let answer = try await connection.deliver(bad, to: "devices/\(bystander.id)/telemetry")
            guard answer == 135 else { throw Wrong("another device's topic was answered \(answer)") }
            let gateway = try await MQTTConnection.open(
                port: system.broker.port, user: BrokerFiles.gatewayUser, password: system.broker.files.gatewayPassword,
                on: system.thread)
            for topic in ["devices/ghost/telemetry", "devices//telemetry", "devices/a b/telemetry"] {
                try await gateway.deliver(bad, to: topic)
            }
            try await eventually("unknown devices are noted", every: .milliseconds(100)) {
                try await system.number("refusals", "select count(*) from events where type = 'MessagesRefused'") >= 3
            }
            let taken = try await system.number(
                "taken", "select count(*) from events where data -> 'metrics' ->> 'n' = '666'")
            guard taken == 0 else { throw Wrong("\(taken) messages of strangers were recorded") }
        }

        /// The broker ends the connection that 10 MB come on, and no other.
        private func checkTooLarge(_ system: TestedSystem, _ device: API.Device) async throws {
            let connection = try await system.connect(device)
            let text = #"{"text":""# + String(repeating: "x", count: 10 << 20) + #""}"#
            do {
                try await connection.deliver(Array(text.utf8), to: "devices/\(device.id)/telemetry")
                throw Wrong("10 MB were taken")
            } catch is MQTTConnection.Failure {}
        }
    }
}

private let badPayloads: [(name: String, payload: [UInt8])] = [
    ("not JSON", Array("temperature=21".utf8)),
    ("empty", []),
    ("cut short", Array(#"{"temperature":2"#.utf8)),
    ("nested deeply", Array((String(repeating: #"{"a":"#, count: 50_000) + "1").utf8)),
    ("arrays nested deeply", Array(String(repeating: "[", count: 100_000).utf8)),
    ("NaN", Array(#"{"temperature":NaN}"#.utf8)),
    ("huge number", Array(#"{"temperature":1e999}"#.utf8)),
    ("huge seq", Array(#"{"seq":99999999999999999999999,"temperature":1}"#.utf8)),
    ("wrong UTF-8", Array(#"{"text":""#.utf8) + [0xff, 0xfe, 0xc3] + Array(#""}"#.utf8)),
    ("null byte", Array(#"{"text":"a"#.utf8) + [0] + Array(#""}"#.utf8)),
    ("one bad element", Array(#"[{"n":1},{"n":2},7]"#.utf8)),
    ("300 KB", Array((#"{"text":""# + String(repeating: "x", count: 300_000) + #""}"#).utf8)),
]

extension TestedSystem {
    func connect(_ device: API.Device) async throws -> MQTTConnection {
        try await MQTTConnection.open(
            port: broker.port, user: device.id, password: device.apiKey ?? "", on: thread)
    }
}
