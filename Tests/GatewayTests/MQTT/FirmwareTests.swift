import Aggregates
import Foundation
import Runtime
import Support
import Testing

@testable import Gateway

private let hash = String(repeating: "0", count: 64)

extension GatewayHarness {
    fileprivate func send(_ commands: Rollout.Command..., to id: String = "r1") async throws {
        for command in commands { try await rollouts.send(.test(command), to: id) }
    }

    /// Creates a rollout with its first group open.
    fileprivate func rollOut(
        _ version: String = "2.0", to devices: [String], as id: String = "r1", groupSize: Int = 1_000,
        attempts: Int = 2
    ) async throws {
        for device in devices {
            do throws(DispatchError<Device.Rejection>) {
                try await directory.register(device)
            } catch .rejected(.alreadyRegistered) {}
        }
        try await send(
            .create(.test(version, devices, groupSize: groupSize, attempts: attempts)), .openGroup(0), to: id)
    }

    fileprivate func report(
        _ status: String, from device: String = "d1", version: String = "2.0", rollout: String = "r1"
    ) async throws {
        try await publisher().publish(
            [#"{"rollout":"\#(rollout)","status":"\#(status)","version":"\#(version)"}"#],
            to: "devices/\(device)/firmware/status")
    }

    fileprivate func rollout(_ id: String = "r1") async throws -> Rollout.State {
        try await rollouts.recall(id).state
    }

    fileprivate func stateOf(_ device: String, in id: String = "r1") async throws -> InstallationState? {
        let state = try await rollout(id)
        return state.devices.place(of: device).map { state.devices[$0].state }
    }

    fileprivate func awaitsRetry(_ device: String) async throws -> Bool {
        let state = try await rollout()
        return state.devices.place(of: device).map { state.devices[$0].awaitsRetry } ?? false
    }

    fileprivate func types(of id: String = "r1") async throws -> [String] {
        try await store.readStream(StreamName(category: "rollout", id: id), from: 1, limit: 10_000).map(\.type)
    }

    fileprivate func refusals() async throws -> [RefusedDelivery] {
        try await store.readStream(IngestStreams.refusals, from: 1, limit: 100).map {
            try JSONDecoder().decode(RefusedDelivery.self, from: Data($0.data))
        }
    }

    /// What somebody finds who subscribes now; nil if nothing is retained.
    fileprivate func retained(for device: String) async throws -> String? {
        let end = "devices/\(device)/telemetry"
        let device = try await Publisher(
            to: broker.gatewayAddress, topics: [DeviceTopic.firmware(of: device), end], retained: true, on: thread)
        // Retained messages come with the subscription, so this one comes after them.
        try await device.publish([#"{"a":1}"#], to: end)
        while true {
            for message in try await device.receive() {
                if message.topic == end { return nil }
                if !message.payload.isEmpty { return String(decoding: message.payload, as: UTF8.self) }
            }
        }
    }
}

extension CommandEnvelope where Command == Rollout.Command {
    fileprivate static func test(_ command: Rollout.Command) -> Self {
        Self(id: .v7(), command, context: CommandContext(time: .now(), principal: .system, scope: .all))
    }
}

extension RolloutPlan {
    fileprivate static func test(
        _ version: String, _ devices: [String], groupSize: Int, attempts: Int = 2
    ) -> RolloutPlan {
        RolloutPlan(
            account: .default, version: version, artifact: .init(url: "http://f/2", sha256: hash), devices: devices,
            groupSize: groupSize, successThreshold: 80, errorThreshold: 20, attempts: attempts, deviceTimeout: 60)
    }
}

@Suite(.serialized, .timeLimit(.minutes(2))) struct `A firmware report on a real broker` {
    @Test func `becomes an event of its rollout`() async throws {
        try await GatewayHarness.with { harness in
            try await harness.rollOut(to: ["d1", "d2"])
            try await eventually { try await harness.stateOf("d1") == .notified }
            try await harness.report("downloading")
            try await harness.report("succeeded")
            try await eventually { try await harness.stateOf("d1") == .succeeded }
            #expect(
                try await harness.types() == [
                    "RolloutCreated", "RolloutGroupOpened", "RolloutDevicesNotified", "RolloutDeviceProgressed",
                    "RolloutDeviceSucceeded",
                ])
            let event = try #require(
                try await harness.store.readStream(StreamName(category: "rollout", id: "r1"), from: 5, limit: 1).first)
            #expect(event.metadata.principal == .device("d1"))
            try await eventually { harness.happenings.tally.recorded == 2 }
        }
    }

    @Test func `changes nothing when it comes twice or too late`() async throws {
        try await GatewayHarness.with { harness in
            try await harness.rollOut(to: ["d1"])
            for status in ["installing", "downloading", "installing", "succeeded", "succeeded", "installing"] {
                try await harness.report(status)
            }
            try await eventually { harness.happenings.tally.messages == 6 }
            #expect(try await harness.types().suffix(2) == ["RolloutDeviceProgressed", "RolloutDeviceSucceeded"])
            #expect(harness.happenings.tally.recorded == 2)
            #expect(harness.happenings.tally.duplicate == 4)
        }
    }

    @Test func `of another version means that the device fell back`() async throws {
        try await GatewayHarness.with { harness in
            try await harness.rollOut(to: ["d1"], attempts: 1)
            try await harness.report("succeeded", version: "1.0")
            try await eventually { try await harness.stateOf("d1") == .failed }
        }
    }

    @Test(arguments: [
        ("unknown", "d1", "there is no such rollout"), ("r1", "d2", "the device is not part of the rollout"),
        ("r1", "d3", "the device is not due yet in the rollout"), ("r2", "d1", "the rollout was aborted"),
    ])
    func `that no rollout takes is acknowledged, noted, and the device told`(
        _ rollout: String, _ device: String, _ reason: String
    ) async throws {
        try await GatewayHarness.with(devices: ["d1", "d2", "d3"]) { harness in
            try await harness.rollOut(to: ["d1", "d3"], groupSize: 1)
            try await harness.rollOut(to: ["d1"], as: "r2")
            try await harness.send(.abort(reason: "bad"), to: "r2")
            let listener = try await harness.publisher(topics: [DeviceTopic.notices(of: device)])
            try await harness.report("succeeded", from: device, rollout: rollout)
            let notice = try #require(try await listener.receive().first)
            #expect(String(decoding: notice.payload, as: UTF8.self).contains(reason))
            try await eventually { harness.happenings.tally.refused == 1 }
            #expect(
                try await harness.refusals()
                    == [RefusedDelivery(device: device, reason: "firmware status: \(reason)", messages: 1)])
            #expect(try await harness.rollout().counts.succeeded == 0)
        }
    }

    @Test(arguments: [
        "", "{", "[]", #"{"rollout":"r1"}"#, #"{"rollout":"r 1","status":"failed","version":"2"}"#,
        #"{"rollout":"r1","status":"done","version":"2"}"#, #"{"rollout":"r1","status":"failed","version":""}"#,
        #"{"rollout":"r1","status":"failed","version":"2","detail":"a\u0000b"}"#,
        #"{"rollout":"r1","status":"failed","version":"2","detail":"\#(String(repeating: "x", count: 501))"}"#,
    ])
    func `that is malformed is refused, and the device told`(_ payload: String) async throws {
        try await GatewayHarness.with { harness in
            try await harness.rollOut(to: ["d1"])
            let listener = try await harness.publisher(topics: [DeviceTopic.notices(of: "d1")])
            try await harness.publisher().publish([payload], to: "devices/d1/firmware/status")
            _ = try #require(try await listener.receive().first)
            try await eventually { harness.happenings.tally.malformed == 1 }
            #expect(try await harness.events(of: "d1").last?.type == "MessageRefused")
            #expect(try await harness.rollout().counts.failed == 0)
        }
    }

    @Test func `waits parked while its rollout is overloaded, and holds no telemetry back`() async throws {
        let store = GatedStore()
        try await GatewayHarness.with(store: store) { harness in
            try await harness.rollOut(to: ["d1"])
            try await eventually { try await harness.stateOf("d1") == .notified }
            let stream = StreamName(category: "rollout", id: "r1")
            store.refuse(stream, with: .overloaded)
            try await harness.report("installing")
            try await harness.report("succeeded")
            try await eventually { harness.happenings.tally.parked == 2 }
            try await harness.publisher().publish([#"{"a":1}"#], to: "devices/d1/telemetry")
            try await eventually { try await harness.readings(of: "d1").count == 1 }
            store.refuse(stream, with: nil)
            try await eventually { try await harness.stateOf("d1") == .succeeded }
            try await eventually { harness.parking.all.isEmpty }
            #expect(try await harness.types().suffix(2) == ["RolloutDeviceProgressed", "RolloutDeviceSucceeded"])
        }
    }
}

@Suite(.serialized, .timeLimit(.minutes(2))) struct `Firmware on its way to devices` {
    private let message = #"{"artifact":{"sha256":"\#(hash)","url":"http://f/2"},"rollout":"r1","version":"2.0"}"#

    @Test func `waits retained at the broker for each device of an open group`() async throws {
        try await GatewayHarness.with { harness in
            try await harness.rollOut(to: ["d1", "d2", "d3"], groupSize: 2)
            try await eventually { try await harness.rollout().counts.notified == 2 }
            #expect(try await harness.retained(for: "d1") == message)
            #expect(try await harness.retained(for: "d2") == message)
            #expect(try await harness.retained(for: "d3") == nil)
        }
    }

    @Test func `never reaches a device that has left the account`() async throws {
        try await GatewayHarness.with { harness in
            try await harness.directory.register("d2")
            let other = AccountStanding(id: AccountID("other"), isActive: true)
            try await harness.directory.send(
                CommandEnvelope(
                    id: .v7(), .assign(other), context: CommandContext(time: .now(), principal: .system, scope: .all)),
                to: "d2")
            try await harness.rollOut(to: ["d1", "d2"], attempts: 1)
            try await eventually { try await harness.stateOf("d2") == .failed }
            #expect(try await harness.stateOf("d1") == .notified)
            #expect(try await harness.retained(for: "d1") == message)
            #expect(try await harness.retained(for: "d2") == nil)
        }
    }

    @Test func `reaches the others though one of them cannot be read`() async throws {
        let store = PoisonableStore(InMemoryEventStore())
        try await GatewayHarness.with(store: store, devices: ["d1", "d2"]) { harness in
            store.poison(StreamName(category: "device", id: "d2"))
            try await harness.send(.create(.test("2.0", ["d1", "d2"], groupSize: 2, attempts: 1)), .openGroup(0))
            try await eventually { try await harness.stateOf("d2") == .failed }
            #expect(try await harness.stateOf("d1") == .notified)
            #expect(try await harness.retained(for: "d1") == message)
            #expect(try await harness.retained(for: "d2") == nil)
        }
    }

    @Test func `is taken away when the device has come to its end, and stays for another attempt`() async throws {
        try await GatewayHarness.with { harness in
            try await harness.rollOut(to: ["d1", "d2", "d3"])
            try await eventually { try await harness.rollout().counts.notified == 3 }
            try await harness.report("succeeded")
            try await harness.report("failed", from: "d2")
            try await eventually { try await harness.retained(for: "d1") == nil }
            // Its report came by another connection, and may be later; until then there is nothing to try again.
            try await eventually { try await harness.awaitsRetry("d2") }
            #expect(try await harness.retained(for: "d2") == message)
            try await harness.send(.retry(device: "d2", attempt: 2))
            try await eventually { try await harness.stateOf("d2") == .notified }
            try await harness.report("failed", from: "d2")
            try await eventually { try await harness.retained(for: "d2") == nil }
            #expect(try await harness.retained(for: "d3") == message)
            try await harness.send(.abort(reason: "bad"))
            try await eventually { try await harness.retained(for: "d3") == nil }
        }
    }

    @Test func `of a newer rollout stays when the older one ends`() async throws {
        try await GatewayHarness.with { harness in
            try await harness.rollOut(to: ["d1", "d2"])
            try await eventually { try await harness.rollout().counts.notified == 2 }
            try await harness.rollOut("3.0", to: ["d1"], as: "r2")
            try await eventually { try await harness.stateOf("d1", in: "r2") == .notified }
            try await harness.send(.abort(reason: "newer"))
            try await eventually { try await harness.retained(for: "d2") == nil }
            #expect(try await harness.retained(for: "d1")?.contains("3.0") == true)
        }
    }

    @Test func `is held back while the rollout is paused`() async throws {
        let store = InMemoryEventStore()
        let rollouts = Directory<Rollout>(store: store, snapshots: InMemorySnapshotStore())
        for command in [
            Rollout.Command.create(.test("2.0", ["d1"], groupSize: 1)), .openGroup(0), .pause(reason: "lunch"),
        ] { try await rollouts.send(.test(command), to: "r1") }
        try await GatewayHarness.with(store: store) { harness in
            // A rollout that began later shows that delivery has seen the paused one.
            try await harness.rollOut(to: ["d1"], as: "r2")
            try await eventually { try await harness.stateOf("d1", in: "r2") == .notified }
            #expect(try await harness.stateOf("d1") == .scheduled)
            try await harness.send(.resume)
            try await eventually { try await harness.stateOf("d1") == .notified }
            #expect(try await harness.retained(for: "d1") == message)
        }
    }

    @Test func `is delivered again if the server dies before the devices are marked`() async throws {
        let store = GatedStore()
        let ledger = InMemoryFirmwareLedger()
        let broker = try await ThrowawayBroker.start()
        let stream = StreamName(category: "rollout", id: "r1")
        try await GatewayHarness.with(broker: broker, store: store, ledger: ledger) { harness in
            let device = try await harness.publisher(topics: [DeviceTopic.firmware(of: "d1")])
            try await harness.send(.create(.test("2.0", ["d1"], groupSize: 1)))
            try await harness.send(.openGroup(0))
            // Published, and never marked: the gateway is torn down with its mark refused.
            store.refuse(stream, with: .unavailable(reason: "the test says so"))
            while try await device.receive().first?.payload != Array(message.utf8) {}
        }
        store.refuse(stream, with: nil)
        try await GatewayHarness.with(broker: broker, store: store, devices: [], ledger: ledger) { harness in
            try await eventually { try await harness.stateOf("d1") == .notified }
            #expect(try await harness.retained(for: "d1") == message)
            #expect(try await harness.types().filter { $0 == "RolloutDevicesNotified" }.count == 1)
        }
        await broker.remove()
    }

    @Test func `is marked once if the server dies before its checkpoint has moved`() async throws {
        let store = InMemoryEventStore()
        let broker = try await ThrowawayBroker.start()
        try await GatewayHarness.with(broker: broker, store: store) { harness in
            try await harness.rollOut(to: ["d1", "d2"])
            try await eventually { try await harness.rollout().counts.notified == 2 }
        }
        // The ledger of the first server is lost, and with it the checkpoint.
        let ledger = InMemoryFirmwareLedger()
        try await GatewayHarness.with(broker: broker, store: store, devices: [], ledger: ledger) { harness in
            let head = try await store.head().position
            try await eventually { try await ledger.position() >= head }
            #expect(try await harness.types().filter { $0 == "RolloutDevicesNotified" }.count == 1)
        }
        await broker.remove()
    }

    @Test func `waits for a broker that is away`() async throws {
        let broker = try await ThrowawayBroker.start()
        try await GatewayHarness.with(broker: broker) { harness in
            await broker.kill()
            try await harness.happenings.until("disconnected") { if case .disconnected = $0 { true } else { false } }
            try await harness.rollOut(to: (0..<1_200).map { "d\($0)" }, groupSize: 1_100)
            try await broker.restart()
            try await eventually(within: .seconds(30)) { try await harness.rollout().counts.notified == 1_100 }
            #expect(try await harness.retained(for: "d1099") == message)
            #expect(try await harness.retained(for: "d1100") == nil)
        }
        await broker.remove()
    }

    @Test func `is kept account of in the database`() async throws {
        try await PostgresLog.with { log in
            let ledger = PostgresFirmwareLedger(pool: log.pool)
            #expect(try await ledger.position() == 0)
            #expect(try await ledger.move(from: 0, to: 7))
            #expect(try await ledger.move(from: 0, to: 9) == false)
            #expect(try await ledger.position() == 7)
            try await ledger.hold(["a", "b"], by: "r1")
            try await ledger.hold(["b"], by: "r2")
            #expect(try await ledger.held(["a", "b", "c"], by: "r1") == ["a"])
            try await ledger.release(["a", "b"], by: "r1")
            #expect(try await ledger.held(["a", "b"], by: "r1") == [])
            #expect(try await ledger.held(["a", "b"], by: "r2") == ["b"])
        }
    }

    @Test(arguments: [
        Device.Command.assign(AccountStanding(id: AccountID("other"), isActive: true)), .quarantine(reason: "odd"),
        .retire(reason: ""),
    ])
    func `is taken away from a device that departs, and from no other`(departure: Device.Command) async throws {
        try await PostgresLog.with { log in
            try await GatewayHarness.with(store: log.store, ledger: PostgresFirmwareLedger(pool: log.pool)) { harness in
                func send(_ command: Device.Command, to device: String) async throws {
                    try await harness.directory.send(
                        CommandEnvelope(
                            id: .v7(), command,
                            context: CommandContext(time: .now(), principal: .system, scope: .all),
                            sideRows: [PostgresFirmwareLedger.departure(of: device)]), to: device)
                }
                try await harness.rollOut(to: ["d1", "d2"], attempts: 1)
                try await eventually { try await harness.rollout().counts.notified == 2 }
                // Looked at in vain.
                try await send(.update(Changes()), to: "d1")
                try await send(departure, to: "d2")
                try await eventually { try await harness.stateOf("d2") == .failed }
                try await eventually { try await harness.retained(for: "d2") == nil }
                try await eventually { try await PostgresFirmwareLedger(pool: log.pool).departures(9).isEmpty }
                #expect(try await harness.retained(for: "d1") == message)
                #expect(try await harness.stateOf("d1") == .notified)
            }
        }
    }

    @Test func `follows a rollout that another server has moved on`() async throws {
        try await PostgresLog.with { log in
            try await GatewayHarness.with(
                store: log.store, ledger: PostgresFirmwareLedger(pool: log.pool)
            ) { harness in
                try await harness.rollOut(to: ["d1", "d2", "d3"], groupSize: 1)
                try await eventually { try await harness.stateOf("d1") == .notified }
                let elsewhere = Directory<Rollout>(store: log.store, snapshots: log.snapshots)
                try await elsewhere.send(.test(.openGroup(1)), to: "r1")
                try await eventually { try await harness.stateOf("d2") == .notified }
                #expect(try await harness.retained(for: "d2") == message)
                try await elsewhere.send(.test(.openGroup(2)), to: "r1")
                try await harness.report("succeeded", from: "d3")
                try await eventually { try await harness.stateOf("d3") == .succeeded }
                #expect(try await elsewhere.recall("r1").state.counts.succeeded == 1)
            }
        }
    }
}
