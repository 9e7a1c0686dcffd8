import Aggregates
import Foundation
import Glibc
import Installation
import Runtime
import Support
import Testing

@testable import Gateway

private let d1 = StreamName(category: "device", id: "d1")

@Suite(.serialized, .timeLimit(.minutes(2))) struct `Ingest on a real broker` {
    @Test func `records a reading and acknowledges it`() async throws {
        try await GatewayHarness.with { harness in
            let publisher = try await harness.publisher()
            try await publisher.publish(
                [#"{"ts":"2026-11-21T04:00:00Z","seq":7,"temperature":24.1}"#, #"[{"a":1},{"a":2}]"#],
                to: "devices/d1/telemetry")
            try await eventually { harness.happenings.tally.recorded == 2 }
            let readings = try await harness.readings(of: "d1")
            #expect(readings.count == 3)
            #expect(readings[0].observedTime == Timestamp("2026-11-21T04:00:00Z"))
            #expect(readings[0].metadata.principal == .device("d1"))
        }
    }

    @Test func `records a reading in CBOR`() async throws {
        try await GatewayHarness.with { harness in
            let publisher = try await harness.publisher()
            // {"seq": 7, "temperature": 24.5}, and one that ends too early
            let message = bytes("a2 63 736571 07 6b 74656d7065726174757265 f9 4e20")
            try await publisher.publish(
                [message, Array(message.dropLast())].map { ("devices/d1/telemetry", $0) }, qos: 1)
            try await eventually { harness.happenings.tally.messages == 2 }
            #expect(harness.happenings.tally.recorded == 1 && harness.happenings.tally.malformed == 1)
            let data = try await harness.readings(of: "d1").map { String(decoding: $0.data, as: UTF8.self) }
            #expect(data == [#"{"clock":"server","metrics":{"temperature":24.5},"returned":true,"seq":7}"#])
        }
    }

    @Test func `acknowledges nothing before it is committed`() async throws {
        let store = GatedStore()
        let broker = try await ThrowawayBroker.start()
        let directory = Directory<Device>(store: store, snapshots: InMemorySnapshotStore())
        try await GatewayHarness.with(broker: broker, store: store, directory: directory) { harness in
            store.hold()
            try await harness.publisher().publish((0..<100).map { "{\"a\":\($0 % 3)}" }, to: "devices/d1/telemetry")
            try await eventually { store.heldAppends > 0 }
            // The gateway is torn down while its round waits; the gate opens only for whoever comes next.
            store.setUnavailable(true)
            store.release()
            try await harness.happenings.until("waiting") { if case .waiting = $0 { true } else { false } }
        }
        store.setUnavailable(false)
        try await GatewayHarness.with(broker: broker, store: store, devices: [], directory: directory) { harness in
            try await eventually { harness.happenings.tally.messages == 100 }
            #expect(harness.happenings.tally.recorded == 100)
            #expect(try await harness.readings(of: "d1").count == 100)
        }
        await broker.remove()
    }

    @Test func `counts a round once if the server dies between commit and acknowledgement`() async throws {
        let store = GatedStore()
        let broker = try await ThrowawayBroker.start()
        try await GatewayHarness.with(broker: broker, store: store) { harness in
            let publisher = try await harness.publisher()
            try await publisher.publish([#"{"a":0}"#], to: "devices/d1/telemetry")
            try await eventually { harness.happenings.tally.recorded == 1 }
            store.hold()
            // Equal messages without seq and ts: only their packet ids tell them apart.
            try await publisher.publish(Array(repeating: #"{"a":1}"#, count: 50), to: "devices/d1/telemetry")
            try await eventually { store.heldAppends > 0 }
            // A second server takes the session over, and so the first one's connection, while its round is stored.
            let thief = IngestConnection(
                to: broker.gatewayAddress, clientID: "fleetlog-ingest", topics: [DeviceTopic.telemetry],
                on: harness.thread)
            #expect(try await thief.connect())
            await thief.abandon()
            store.release()
            try await harness.happenings.until("connected again", times: 2) {
                if case .connected = $0 { true } else { false }
            }
            try await eventually { try await harness.readings(of: "d1").count >= 51 }
            try await publisher.publish([#"{"a":2}"#], to: "devices/d1/telemetry")
            // It was published last, so everything before it has come to its end.
            try await eventually {
                try await harness.readings(of: "d1").last.map { String(decoding: $0.data, as: UTF8.self) }?
                    .contains(#""a":2"#) ?? false
            }
            #expect(try await harness.readings(of: "d1").count == 52)
        }
        await broker.remove()
    }

    @Test func `waits while the log cannot be reached and goes on by itself`() async throws {
        let store = GatedStore()
        try await GatewayHarness.with(store: store) { harness in
            store.setUnavailable(true)
            try await harness.publisher().publish([#"{"a":1}"#], to: "devices/d1/telemetry")
            try await harness.happenings.until("waiting", times: 2) { if case .waiting = $0 { true } else { false } }
            #expect(harness.happenings.tally.messages == 0)
            store.setUnavailable(false)
            try await eventually { harness.happenings.tally.recorded == 1 }
        }
    }

    @Test func `answers a malformed message and records the rest of its round`() async throws {
        try await GatewayHarness.with { harness in
            let device = try await harness.publisher(topics: ["devices/d1/notices"])
            try await device.publish([#"{"a":1}"#, "nonsense", #"{"a":2}"#], to: "devices/d1/telemetry")
            let notice = try #require(try await device.receive().first)
            let text = String(decoding: notice.payload, as: UTF8.self)
            #expect(text.contains("a reading is not a JSON object"))
            let fields = try #require(try JSONSerialization.jsonObject(with: Data(notice.payload)) as? [String: String])
            #expect(Set(fields.keys) == ["ts", "reason", "detail"])
            try await eventually { harness.happenings.tally.messages == 3 }
            #expect(
                try await harness.events(of: "d1").map(\.type) == [
                    "DeviceRegistered", "TelemetryRecorded", "MessageRefused", "TelemetryRecorded",
                ])
        }
    }

    @Test func `takes any payload without harm`() async throws {
        try await GatewayHarness.with { harness in
            let publisher = try await harness.publisher()
            let payloads: [[UInt8]] = [
                [], [0], [0xff, 0xfe], Array(repeating: UInt8(ascii: "["), count: 100_000),
                Array(repeating: UInt8(ascii: "x"), count: 600_000), Array(#"{"a":NaN}"#.utf8),
                Array(#"{"a":1e999}"#.utf8), Array("{\"a\":\"\0\"}".utf8),
            ]
            try await publisher.publish(payloads.map { ("devices/d1/telemetry", $0) })
            try await publisher.publish([#"{"a":1}"#], to: "devices/d1/telemetry")
            try await eventually { harness.happenings.tally.recorded == 1 }
            #expect(harness.happenings.tally.malformed == payloads.count)
            let huge = Array(repeating: UInt8(ascii: "x"), count: 10 << 20)
            await #expect(throws: MQTTError.self) { try await publisher.publish([("devices/d1/telemetry", huge)]) }
            try await harness.publisher().publish([#"{"a":2}"#], to: "devices/d1/telemetry")
            try await eventually { harness.happenings.tally.recorded == 2 }
        }
    }

    @Test func `loses nothing of a device that another server has registered since it was unknown here`() async throws {
        try await GatewayHarness.with { harness in
            let publisher = try await harness.publisher()
            try await publisher.publish(
                [#"{"ts":"2026-11-21T04:00:00Z","temperature":20}"#], to: "devices/late/telemetry")
            try await eventually { harness.happenings.tally.unknown == 1 }
            let elsewhere = Directory<Device>(store: harness.store, snapshots: InMemorySnapshotStore())
            try await elsewhere.register("late")
            try await publisher.publish(
                [#"{"ts":"2026-11-21T04:01:00Z","temperature":21}"#], to: "devices/late/telemetry")
            try await eventually { try await harness.readings(of: "late").count == 1 }
            #expect(harness.happenings.tally.unknown == 1)
        }
    }

    @Test func `notes unknown devices and impossible topics in a stream of their own`() async throws {
        try await GatewayHarness.with { harness in
            let publisher = try await harness.publisher()
            try await publisher.publish([#"{"a":1}"#, #"{"a":2}"#], to: "devices/ghost/telemetry")
            try await publisher.publish([#"{"a":1}"#], to: "devices/gh st/telemetry")
            try await eventually { harness.happenings.tally.unknown == 3 }
            let refusals = try await harness.store.readStream(IngestStreams.refusals, from: 1, limit: 10)
            #expect(refusals.allSatisfy { $0.type == "MessagesRefused" && $0.metadata.account == .default })
            #expect(refusals.contains { String(decoding: $0.data, as: UTF8.self).contains("ghost") })
            #expect(try await harness.events(of: "ghost").isEmpty)
        }
    }

    @Test func `tells a retired device so`() async throws {
        try await GatewayHarness.with { harness in
            try await harness.directory.send(
                CommandEnvelope(
                    id: .v7(), .retire(reason: "sold"),
                    context: CommandContext(time: .now(), principal: .system, scope: .all)), to: "d1")
            let device = try await harness.publisher(topics: ["devices/d1/notices"])
            try await device.publish([#"{"a":1}"#], to: "devices/d1/telemetry")
            let notice = try #require(try await device.receive().first)
            #expect(String(decoding: notice.payload, as: UTF8.self).contains("retired"))
            try await eventually { harness.happenings.tally.refused == 1 }
        }
    }

    @Test func `notes what a quarantined device sends, and takes none of it for a reading`() async throws {
        try await GatewayHarness.with(devices: ["d1", "d2"]) { harness in
            let context = CommandContext(time: .now(), principal: .system, scope: .all)
            try await harness.directory.send(
                CommandEnvelope(id: .v7(), .quarantine(reason: "odd"), context: context), to: "d1")
            let device = try await harness.publisher(topics: ["devices/d1/notices"])
            try await device.publish([
                ("devices/d1/telemetry", Array(#"[{"a":1},{"a":2}]"#.utf8)),
                ("devices/d2/telemetry", Array(#"{"a":1}"#.utf8)), ("devices/d1/telemetry", Array(#"{"a":3}"#.utf8)),
            ])
            let notice = try #require(try await device.receive().first)
            #expect(String(decoding: notice.payload, as: UTF8.self).contains("quarantined"))
            try await eventually { harness.happenings.tally.messages == 3 }
            #expect(harness.happenings.tally.refused == 2 && harness.happenings.tally.recorded == 1)
            let types = try await harness.events(of: "d1").map(\.type)
            #expect(types == ["DeviceRegistered", "DeviceQuarantined", "MessageRefused", "MessageRefused"])
            #expect(harness.parking.all.isEmpty)
            try await harness.directory.send(
                CommandEnvelope(id: .v7(), .release(reason: ""), context: context), to: "d1")
            try await device.publish([#"{"a":4}"#], to: "devices/d1/telemetry")
            try await eventually { harness.happenings.tally.recorded == 2 }
        }
    }

    @Test func `parks what an overloaded device cannot take, and applies it in order later`() async throws {
        let store = GatedStore()
        try await GatewayHarness.with(store: store, devices: ["d1", "d2"]) { harness in
            let publisher = try await harness.publisher()
            store.refuse(d1, with: .overloaded)
            try await publisher.publish([#"{"seq":1,"a":1}"#, #"{"seq":2,"a":2}"#], to: "devices/d1/telemetry")
            try await publisher.publish([#"{"a":1}"#], to: "devices/d2/telemetry")
            try await eventually { harness.happenings.tally.messages == 3 }
            #expect(harness.happenings.tally.parked == 2)
            #expect(harness.happenings.tally.recorded == 1)
            try await publisher.publish([#"{"seq":3,"a":3}"#], to: "devices/d1/telemetry")
            try await eventually { harness.happenings.tally.parked == 3 }
            store.refuse(d1, with: nil)
            try await eventually { harness.parking.all.isEmpty }
            let readings = try await harness.readings(of: "d1").map { String(decoding: $0.data, as: UTF8.self) }
            #expect(readings.map { $0.contains("\"seq\":1") } == [true, false, false])
            #expect(readings.map { $0.contains("\"seq\":3") } == [false, false, true])
            try await publisher.publish([#"{"seq":4,"a":4}"#], to: "devices/d1/telemetry")
            try await eventually { harness.happenings.tally.recorded == 2 }
            #expect(try await harness.readings(of: "d1").count == 4)
        }
    }

    @Test func `refuses what the log can never take, and nothing else`() async throws {
        let store = GatedStore()
        try await GatewayHarness.with(store: store, devices: ["d1", "d2"]) { harness in
            store.refuse(d1, with: .invalid(reason: "poison", sqlState: "22P05"))
            let publisher = try await harness.publisher()
            try await publisher.publish([
                ("devices/d2/telemetry", Array(#"{"a":1}"#.utf8)), ("devices/d1/telemetry", Array(#"{"a":1}"#.utf8)),
                ("devices/d2/telemetry", Array(#"{"a":2}"#.utf8)),
            ])
            try await eventually { harness.happenings.tally.messages == 3 }
            #expect(harness.happenings.tally.recorded == 2)
            #expect(harness.happenings.tally.parked == 1)
        }
    }

    @Test func `goes on after the broker is killed and started again`() async throws {
        let broker = try await ThrowawayBroker.start()
        try await GatewayHarness.with(broker: broker) { harness in
            let publisher = try await harness.publisher()
            try await publisher.publish((1...500).map { "{\"seq\":\($0),\"a\":1}" }, to: "devices/d1/telemetry")
            try await eventually { harness.happenings.tally.recorded == 500 }
            await broker.kill()
            try await harness.happenings.until("disconnected") { if case .disconnected = $0 { true } else { false } }
            try await broker.start()
            try await harness.happenings.until("connected again", times: 2) {
                if case .connected = $0 { true } else { false }
            }
            let again = try await harness.publisher()
            try await again.publish((400...600).map { "{\"seq\":\($0),\"a\":1}" }, to: "devices/d1/telemetry")
            try await eventually { harness.happenings.tally.messages == 701 }
            #expect(harness.happenings.tally.recorded == 600)
            #expect(try await harness.readings(of: "d1").count == 600)
        }
        await broker.remove()
    }

    @Test func `keeps the session of the broker, so that nothing is missed while it is away`() async throws {
        let broker = try await ThrowawayBroker.start()
        let store = InMemoryEventStore()
        let directory = Directory<Device>(store: store, snapshots: InMemorySnapshotStore())
        try await GatewayHarness.with(broker: broker, store: store, directory: directory) { _ in }
        let thread = try PollThread(name: "publisher")
        defer { thread.shutdown() }
        let publisher = try await Publisher(to: broker.gatewayAddress, on: thread)
        try await publisher.publish(Array(repeating: #"{"a":1}"#, count: 5_000), to: "devices/d1/telemetry")
        try await broker.restart()
        try await GatewayHarness.with(broker: broker, store: store, devices: [], directory: directory) { harness in
            try await eventually { harness.happenings.tally.recorded == 5_000 }
            let present = harness.happenings.all.contains {
                if case .connected(_, sessionPresent: true) = $0 { true } else { false }
            }
            #expect(present)
        }
        await broker.remove()
    }

    @Test func `has its late write refused after another server has taken over`() async throws {
        let store = GatedStore()
        let broker = try await ThrowawayBroker.start()
        try await GatewayHarness.with(broker: broker, store: store, lease: OneTurn(), server: "stopped") { first in
            // As if stopped by a signal in the middle of a round: the store holds the append, then the other comes.
            store.hold()
            try await first.publisher().publish(Array(repeating: #"{"a":1}"#, count: 20), to: "devices/d1/telemetry")
            try await eventually { store.heldAppends > 0 }
            // The second begins its generation behind the same gate, and both go on together.
            let other = Directory<Device>(store: store, snapshots: InMemorySnapshotStore())
            async let second: Void = GatewayHarness.with(
                broker: broker, store: store, devices: [], server: "other", directory: other
            ) { second in
                try await eventually { try await second.readings(of: "d1").count == 20 }
                try await second.publisher().publish([#"{"a":2}"#], to: "devices/d1/telemetry")
                try await eventually { try await second.readings(of: "d1").count == 21 }
            }
            try await eventually { store.heldAppends > 1 }
            store.release()
            try await second
            #expect(try await first.readings(of: "d1").count == 21)
        }
        await broker.remove()
    }

    @Test func `notices that its subscription is dead`() async throws {
        let broker = try await ThrowawayBroker.start(isGuarded: false)
        try await GatewayHarness.with(broker: broker, probeInterval: .milliseconds(300)) { harness in
            try await eventually { harness.gateway.isLinked }
            // The broker delivers nothing any more while the connection stays: what a probe exists for.
            try broker.limit(to: "topic write #")
            try await harness.happenings.until("connected again", times: 2) {
                if case .connected = $0 { true } else { false }
            }
            try broker.limit(to: "topic readwrite #")
            try await harness.publisher().publish([#"{"a":1}"#], to: "devices/d1/telemetry")
            try await eventually { harness.happenings.tally.recorded == 1 }
        }
        await broker.remove()
    }
}

extension ThrowawayBroker {
    /// Has a broker without a guard allow the gateway this and nothing else.
    fileprivate func limit(to access: String) throws {
        let (list, configuration) = (folder + "/acl", folder + "/mosquitto/mosquitto.conf")
        try "user \(BrokerFiles.gatewayUser)\n\(access)\n".write(toFile: list, atomically: true, encoding: .utf8)
        let text = try String(contentsOfFile: configuration, encoding: .utf8)
        if !text.contains("acl_file") {
            try (text + "acl_file \(list)\n").write(toFile: configuration, atomically: false, encoding: .utf8)
        }
        let process = try String(contentsOfFile: files.processID, encoding: .utf8)
        guard let number = pid_t(process.trimmingCharacters(in: .whitespacesAndNewlines)) else { return }
        Glibc.kill(number, SIGHUP)
    }
}

/// Leads once and never again.
private actor OneTurn: Lease {
    private var used = false
    func lead(_ body: @escaping @Sendable () async -> Void) async {
        guard !used else {
            try? await Task.sleep(for: .seconds(3_600))
            return
        }
        used = true
        await body()
    }
}
