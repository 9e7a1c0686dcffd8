import Aggregates
import Foundation
import Runtime
import Support
import Testing

@testable import Gateway

@Suite(.serialized, .timeLimit(.minutes(2))) struct `The content type of a message` {
    private static let json = Array(#"{"a":1}"#.utf8)
    /// {"a": 1}
    private static let cbor: [UInt8] = [0xa1, 0x61, 0x61, 0x01]

    @Test(arguments: [
        ("application/json", ContentType.json), ("Application/JSON; charset=utf-8", .json),
        ("application/cbor", .cbor), ("text/plain", .unknown), ("", .unknown), ("application/json2", .unknown),
    ]) func `is told by its name, whatever its case and its parameters`(text: String, type: ContentType) {
        #expect(ContentType(text) == type)
    }

    @Test func `wins over the first byte, and is refused where the two do not agree`() throws {
        for (type, payload) in [
            (ContentType.none, Self.json), (.none, Self.cbor), (.json, Self.json), (.cbor, Self.cbor),
        ] {
            #expect(try TelemetryPayload.readings(of: payload, type).first?.metrics == ["a": .number(1)])
        }
        for (type, payload, reason) in [
            (ContentType.json, Self.cbor, "the content type says JSON, but the message is CBOR"),
            (.cbor, Self.json, "the content type says CBOR, but the message is not"),
            (.unknown, Self.json, "the content type is not known"),
        ] {
            let fault = #expect(throws: MalformedPayload.self) { try TelemetryPayload.readings(of: payload, type) }
            #expect(fault?.reason == reason)
        }
    }

    @Test func `comes with the message from the broker, on every topic`() async throws {
        try await GatewayHarness.with { harness in
            let listener = try await harness.publisher(topics: ["devices/d1/notices"])
            try await harness.broker.publish(Self.json, as: "application/json", to: "devices/d1/telemetry")
            try await harness.broker.publish(Self.cbor, as: "application/cbor", to: "devices/d1/telemetry")
            try await harness.broker.publish(Self.cbor, as: nil, to: "devices/d1/telemetry")
            try await eventually { harness.happenings.tally.recorded == 3 }
            try await harness.broker.publish(Self.json, as: "application/cbor", to: "devices/d1/telemetry")
            let notice = try #require(try await listener.receive().first)
            #expect(String(decoding: notice.payload, as: UTF8.self).contains("says CBOR, but the message is not"))
            let status = Array(#"{"online":true}"#.utf8)
            try await harness.broker.publish(status, as: "text/plain", to: "devices/d1/status")
            try await harness.broker.publish(Self.cbor, as: "application/cbor", to: "devices/d1/firmware/status")
            try await eventually { harness.happenings.tally.malformed == 3 }
            try await harness.broker.publish(status, as: "application/json", to: "devices/d1/status")
            try await eventually { harness.happenings.tally.recorded == 4 }
            #expect(try await harness.events(of: "d1").filter { $0.type == "MessageRefused" }.count == 3)
        }
    }

    @Test func `is kept while a message is parked`() async throws {
        try await PostgresLog.with { log in
            let store = PostgresParkingStore(pool: log.pool, log: log.store)
            let types = [ContentType.none, .json, .cbor, .unknown]
            let messages = types.enumerated().map { number, type in
                ParkedMessage(
                    device: "d1",
                    received: ReceivedMessage(
                        topic: "devices/d1/telemetry", payload: Self.json, packetID: 0, contentType: type),
                    stamp: DeliveryStamp(generation: 1, earlier: [], number: Int64(number)), receivedTime: .now(),
                    reason: "test")
            }
            let generations = try await GenerationLog(store: log.store, server: "s", logger: GatewayHarness.logger)
                .begin(sessionPresent: false)
            try await store.park(messages, under: generations.fence)
            #expect(try await store.first(9, of: "d1").map(\.message.received.contentType) == types)
        }
    }
}

extension ThrowawayBroker {
    /// By Mosquitto's own client.
    fileprivate func publish(_ payload: [UInt8], as type: String?, to topic: String) async throws {
        let file = folder + "/payload-\(UInt32.random(in: .min ... .max))"
        try Data(payload).write(to: URL(fileURLWithPath: file))
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/mosquitto_pub")
        process.arguments =
            [
                "-V", "mqttv5", "-h", address, "-p", "\(port)", "-u", gatewayAddress.username, "-P",
                gatewayAddress.password, "-q", "1", "-t", topic, "-f", file,
            ] + (type.map { ["-D", "PUBLISH", "content-type", $0] } ?? [])
        try await withCheckedThrowingContinuation { (done: CheckedContinuation<Void, any Error>) in
            process.terminationHandler = { _ in done.resume() }
            do { try process.run() } catch { done.resume(throwing: error) }
        }
        #expect(process.terminationStatus == 0)
    }
}
