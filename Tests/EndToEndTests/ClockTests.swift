import Foundation
import Runtime
import Support
import Testing

extension EndToEnd {
    @Suite(.timeLimit(.minutes(2))) struct `The time of a reading` {
        private struct Event: Decodable, Sendable {
            struct Data: Decodable, Sendable {
                struct Flags: Decodable, Sendable { var time: String? }
                var delay: Int64?
                var flags: Flags?
            }
            var type: String
            var time: String
            var data: Data
        }
        private struct Events: Decodable, Sendable { var items: [Event] }
        private struct Device: Decodable, Sendable {
            struct Reading: Decodable, Sendable { var time: String }
            var readings: [String: Reading]
        }

        /// Publishes with a property under the guard's name, as a device might to claim another arrival.
        private func forged(_ payload: String, to topic: String) -> [UInt8] {
            let body =
                MQTTPacket.text(topic) + MQTTPacket.word(1) + [UInt8(claim.count)] + claim + Array(payload.utf8)
            return MQTTPacket.packet(0x32, body)
        }

        /// The property, as whoever knows its name would write it.
        private var claim: [UInt8] {
            [0x26] + MQTTPacket.text("fleetlog-arrival") + MQTTPacket.text("1600000000000:0123456789abcdef")
        }

        @Test func `is when a server read it if it comes as a will, whatever arrival the device claims in it`()
            async throws
        {
            try await TestedSystem.with { system in
                let server = try await system.start()
                let device = try await system.api(server).register("will")
                let before = Timestamp.now()
                do {
                    _ = try await system.open(
                        MQTTLogin(
                            user: device.id, password: device.apiKey,
                            will: .init(
                                topic: "devices/\(device.id)/telemetry", payload: Array(#"{"w":1}"#.utf8),
                                properties: claim)))
                }
                let api = system.api(server)
                try await eventually("the will is in the view") {
                    try await api.device(device.id).telemetryCount == 1
                }
                let seen = try await api.send("GET", "/api/v1/devices/\(device.id)").value(Device.self)
                guard let time = seen.readings["w"].flatMap({ Timestamp($0.time) }),
                    before - .milliseconds(20) <= time, time <= Timestamp.now()
                else { throw Wrong("it is dated \(seen.readings)") }
            }
        }

        @Test func `is its arrival at the broker if the device says none, however late a server reads it`() async throws
        {
            try await TestedSystem.with { system in
                let first = try await system.start()
                let device = try await system.api(first).register("clock")
                let connection = try await MQTTConnection.open(
                    port: system.broker.port, user: device.id, password: device.apiKey ?? "", on: system.thread)
                let topic = "devices/\(device.id)/telemetry"
                _ = await first.terminate()
                let before = Timestamp.now()
                guard try await connection.deliver(Array(#"{"a":1}"#.utf8), to: topic) == 0 else {
                    throw Wrong("the first reading is refused")
                }
                try await connection.write(forged(#"{"ts":"\#(before + .seconds(7_200))","b":1}"#, to: topic))
                guard case .publishAcknowledged(_, 0)? = try await connection.packet(until: .now + .seconds(20)) else {
                    throw Wrong("the second reading is refused")
                }
                let after = Timestamp.now()
                // The broker's clock is coarse, and tells milliseconds.
                func isMeanwhile(_ time: Timestamp) -> Bool {
                    before - .milliseconds(20) <= time && time <= after + .milliseconds(20)
                }
                let api = system.api(try await system.start())
                try await eventually("both readings are in the view") {
                    try await api.device(device.id).telemetryCount == 2
                }
                let seen = try await api.send("GET", "/api/v1/devices/\(device.id)").value(Device.self)
                let path = "/api/v1/streams/device-\(device.id)/events"
                let events = try await api.send("GET", path).value(Events.self).items
                    .filter { $0.type == "TelemetryRecorded" }
                guard events.count == 2, let arrival = Timestamp(events[0].time), isMeanwhile(arrival) else {
                    throw Wrong("between \(before) and \(after) came \(events)")
                }
                guard events[1].data.flags?.time == "future", let delay = events[1].data.delay,
                    let said = Timestamp(events[1].time), isMeanwhile(said + .microseconds(delay)),
                    let shown = seen.readings["b"].flatMap({ Timestamp($0.time) }), isMeanwhile(shown)
                else { throw Wrong("a reading of the future is \(events[1]), shown as \(seen)") }
                try await system.viewsCaughtUp()
                try await Checker(system: system).logIsSound()
            }
        }
    }
}
