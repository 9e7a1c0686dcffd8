import Crypto
import CryptoExtras
import Foundation
import Installation
import Runtime
import Support
import Testing

@testable import Gateway

@Suite(.serialized, .timeLimit(.minutes(5))) struct `The guard of the broker` {
    private static func with(
        limit: DeviceLimit = DeviceLimit(), _ access: AccessInMemory = AccessInMemory(),
        _ body: @escaping @Sendable (GatewayHarness, AccessInMemory) async throws -> Void
    ) async throws {
        try await GatewayHarness.with(devices: ["d1", "d2"], access: access, limit: limit) { harness in
            try await body(harness, access)
        }
    }

    @Test func `lets a device in as soon as its key is stored, and cuts it off as soon as it is gone`() async throws {
        try await Self.with { harness, access in
            access.set("d1", keys: "secret")
            await harness.gateway.changed(device: "d1")
            let device = try await Publisher(to: harness.broker.address("d1", "secret"), on: harness.thread)
            try await device.publish([#"{"a":1}"#], to: "devices/d1/telemetry")
            try await eventually { harness.happenings.tally.recorded == 1 }
            await #expect(throws: MQTTError.self) {
                _ = try await Publisher(to: harness.broker.address("d1", "wrong"), on: harness.thread)
            }
            for state in [DeviceAccess.State.quarantined, .removed] {
                access.set("d1", keys: "secret")
                await harness.gateway.changed(device: "d1")
                let live = try await Publisher(to: harness.broker.address("d1", "secret"), on: harness.thread)
                access.set("d1", state, keys: "secret")
                await harness.gateway.changed(device: "d1")
                await #expect(throws: MQTTError.self, "\(state)") { _ = try await live.receive() }
                await #expect(throws: MQTTError.self, "\(state)") {
                    _ = try await Publisher(to: harness.broker.address("d1", "secret"), on: harness.thread)
                }
            }
        }
    }

    @Test func `ends a connection whose key is revoked, and lets one with another key live`() async throws {
        try await Self.with { harness, access in
            access.set("d1", keys: "old", "new")
            await harness.gateway.changed(device: "d1")
            let old = try await Publisher(to: harness.broker.address("d1", "old"), on: harness.thread)
            let new = try await Publisher(to: harness.broker.address("d1", "new"), on: harness.thread)
            access.set("d1", keys: nil, "new")
            await harness.gateway.changed(device: "d1")
            await #expect(throws: MQTTError.self) { _ = try await old.receive() }
            try await new.publish([#"{"a":1}"#], to: "devices/d1/telemetry")
            await #expect(throws: MQTTError.self) {
                _ = try await Publisher(to: harness.broker.address("d1", "old"), on: harness.thread)
            }
        }
    }

    @Test func `has the whole table again after a restart of the broker, and refuses devices until then`() async throws
    {
        let access = AccessInMemory()
        for number in 0..<1_200 { access.set("g\(number)", keys: "key-\(number)") }
        try await Self.with(access) { harness, access in
            let last = harness.broker.address("g1199", "key-1199")
            try await eventually { (try? await Publisher(to: last, on: harness.thread)) != nil }
            await harness.broker.kill()
            try await harness.broker.start()
            try await eventually { (try? await Publisher(to: last, on: harness.thread)) != nil }
        }
        let alone = try await ThrowawayBroker.start()
        let thread = try PollThread(name: "alone")
        await #expect(throws: MQTTError.self) { _ = try await Publisher(to: alone.address("g1", "key-1"), on: thread) }
        await alone.remove()
        thread.shutdown()
    }

    @Test func `forgets what the database has forgotten`() async throws {
        let earlier = AccessInMemory()
        earlier.set("d1", keys: "secret")
        try await Self.with { harness, access in
            access.restore(earlier)
            access.set("d2", keys: "secret")
            await harness.gateway.changed(device: "d2")
            _ = try await Publisher(to: harness.broker.address("d2", "secret"), on: harness.thread)
            // A change that was read before the restoring would be told behind it.
            try await eventually("the first server has followed all changes") { access.followed == 2 }
            access.restore(earlier)
            // Another server starts on the restored database.
            try await GatewayHarness.with(
                broker: harness.broker, devices: [], lease: NoLease(), server: "s2", access: access, awaitsIngest: false
            ) { _ in
                try await eventually {
                    (try? await Publisher(to: harness.broker.address("d2", "secret"), on: harness.thread)) == nil
                }
                try await eventually {
                    (try? await Publisher(to: harness.broker.address("d1", "secret"), on: harness.thread)) != nil
                }
            }
        }
    }

    @Test func `learns what has ended while the database could not be asked, also if that is forgotten`() async throws {
        let (broker, access) = (try await ThrowawayBroker.start(), AccessInMemory())
        let thread = try PollThread(name: "feeding")
        defer { thread.shutdown() }
        access.set("d1", keys: "secret")
        access.set("d2", keys: "secret")
        let feed = GuardFeed(
            to: broker.gatewayAddress, server: "s1", reserved: [], limit: DeviceLimit(), source: access,
            memory: .milliseconds(1_500), on: thread, logger: GatewayHarness.logger, hear: { _ in })
        let device = broker.address("d1", "secret")
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await feed.runUntilCancelled() }
            try await eventually { (try? await Publisher(to: device, on: thread)) != nil }
            access.isAway = true
            access.forgetKeys(of: "d1")
            let asked = access.refused
            try await eventually("it is away for longer than the database remembers") { access.refused > asked + 2 }
            let isKnown = (try? await Publisher(to: device, on: thread)) != nil
            #expect(isKnown)
            access.isAway = false
            try await eventually("the ended key is refused") {
                (try? await Publisher(to: device, on: thread)) == nil
            }
            _ = try await Publisher(to: broker.address("d2", "secret"), on: thread)
            group.cancelAll()
        }
        await broker.remove()
    }

    @Test func `reports to the server that is left when the one that came last has gone`() async throws {
        let limit = DeviceLimit(messagesPerMinute: 60, messageBurst: 5)
        try await Self.with(limit: limit) { harness, access in
            access.set("d1", keys: "secret")
            await harness.gateway.changed(device: "d1")
            do {
                let other = try GuardLink(
                    to: harness.broker.gatewayAddress, clientID: "fleetlog-guard-s2", on: harness.thread)
                _ = try await other.greet()
            }
            let loud = try await Publisher(to: harness.broker.address("d1", "secret"), on: harness.thread)
            await #expect(throws: MQTTError.self) {
                try await loud.publish((0..<100).map { #"{"a":\#($0)}"# }, to: "devices/d1/telemetry")
            }
            try await eventually { try await harness.events(of: "d1").last?.type == "AccessRefused" }
        }
    }

    @Test func `takes a table though another server began to send one and died`() async throws {
        let broker = try await ThrowawayBroker.start()
        let thread = try PollThread(name: "two servers")
        let access = AccessInMemory()
        access.set("d1", keys: "secret")
        let entries = try await access.page(after: "", limit: 1)
        let first = try GuardLink(to: broker.gatewayAddress, clientID: "fleetlog-guard-s1", on: thread)
        _ = try await first.greet()
        try await Self.while(first) {
            try await first.send(.begin(load: 1, isReset: false, devices: 1, reserved: []))
            do {
                let second = try GuardLink(to: broker.gatewayAddress, clientID: "fleetlog-guard-s2", on: thread)
                _ = try await second.greet()
                try await Self.while(second) {
                    try await second.send(.begin(load: 2, isReset: false, devices: 1, reserved: []))
                }
            }
            try await first.send(.entries(load: 1, entries) { _ in DeviceLimit() })
            try await first.send(.commit(load: 1, messages: 1, revision: 1))
            _ = try await Publisher(to: broker.address("d1", "secret"), on: thread)
        }
        thread.shutdown()
        await broker.remove()
    }

    /// Serves the link for as long as the body runs.
    private static func `while`(_ link: GuardLink, _ body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { throw await link.serve { _ in } }
            try await body()
            group.cancelAll()
        }
    }

    @Test func `takes a key that was kept as PBKDF2, and learns its hash`() async throws {
        try await Self.with { harness, access in
            let salt = Data("salt of twelve".utf8)
            let derived = try KDF.Insecure.PBKDF2.deriveKey(
                from: Data("secret".utf8), salt: salt, using: .sha512, outputByteCount: 64, unsafeUncheckedRounds: 101)
            let hash = derived.withUnsafeBytes { Array($0) }
            access.set(
                "d1", .active, keys: [.init(number: 1, proof: .derived(rounds: 101, salt: Array(salt), hash: hash))])
            await harness.gateway.changed(device: "d1")
            await #expect(throws: MQTTError.self) {
                _ = try await Publisher(to: harness.broker.address("d1", "wrong"), on: harness.thread)
            }
            for _ in 0..<2 { _ = try await Publisher(to: harness.broker.address("d1", "secret"), on: harness.thread) }
            let learned = LearnedKey(
                device: "d1", number: 1, sha256: Array(SHA256.hash(data: Data("secret".utf8))))
            try await eventually { access.learned == [learned] && access.used.contains("d1/1") }
        }
    }

    @Test func `ends the connection of a device that sends too much, and the device is told`() async throws {
        let limit = DeviceLimit(messagesPerMinute: 60, messageBurst: 5)
        try await Self.with(limit: limit) { harness, access in
            access.set("d1", keys: "secret")
            access.set("d2", keys: "secret")
            await harness.gateway.changed(device: "d1")
            await harness.gateway.changed(device: "d2")
            let watcher = try await Publisher(
                to: harness.broker.address("d1", "secret"), topics: ["devices/d1/notices"], on: harness.thread)
            let loud = try await Publisher(to: harness.broker.address("d1", "secret"), on: harness.thread)
            await #expect(throws: MQTTError.self) {
                try await loud.publish((0..<100).map { #"{"a":\#($0)}"# }, to: "devices/d1/telemetry")
            }
            let quiet = try await Publisher(to: harness.broker.address("d2", "secret"), on: harness.thread)
            try await quiet.publish([#"{"a":1}"#], to: "devices/d2/telemetry")
            let notice = try #require(try await watcher.receive().first)
            #expect(String(decoding: notice.payload, as: UTF8.self).contains("too many"))
            try await eventually { try await harness.events(of: "d1").last?.type == "AccessRefused" }
            #expect(try await harness.readings(of: "d1").count < 10)
            #expect(try await harness.readings(of: "d2").count == 1)
        }
    }

    @Test func `drops what is too much if that is wished, and lets the connection live`() async throws {
        let limit = DeviceLimit(messagesPerMinute: 1, messageBurst: 5, action: .drop)
        try await Self.with(limit: limit) { harness, access in
            access.set("d1", keys: "secret")
            await harness.gateway.changed(device: "d1")
            let loud = try await Publisher(to: harness.broker.address("d1", "secret"), on: harness.thread)
            try await loud.publish((0..<50).map { #"{"a":\#($0)}"# }, to: "devices/d1/telemetry")
            try await eventually { harness.happenings.tally.recorded == 5 }
        }
    }
}

private struct NoLease: Lease {
    func lead(_ body: @escaping @Sendable () async -> Void) async {
        try? await Task.sleep(for: .seconds(3_600))
    }
}

extension ThrowawayBroker {
    func address(_ user: String, _ password: String) -> BrokerAddress {
        BrokerAddress(host: address, port: port, username: user, password: password)
    }
}
