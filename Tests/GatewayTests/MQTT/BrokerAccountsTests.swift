import Foundation
import Installation
import Logging
import Runtime
import Support
import Synchronization
import Testing

@testable import Gateway

private final class Verifiers: DeviceVerifiers {
    private let state = Mutex<(verifiers: [String: String], reads: Int)>(([:], 0))

    func set(_ device: String, _ key: String?) throws {
        let verifier = try key.map { try GatewayVerifier.make(of: $0) }
        state.withLock { $0.verifiers[device] = verifier }
    }
    var reads: Int { state.withLock { $0.reads } }

    func all() async throws -> [String: String] { state.withLock { $0.verifiers } }
    func recent(and devices: [String]) async throws -> [String: String] {
        state.withLock { state in
            state.reads += 1
            return state.verifiers.filter { devices.contains($0.key) }
        }
    }
}

@Suite(.serialized, .timeLimit(.minutes(5))) struct `The accounts of the broker` {
    private static func with(
        _ body: @escaping @Sendable (GatewayHarness, Verifiers) async throws -> Void
    ) async throws {
        let broker = try await ThrowawayBroker.start()
        let verifiers = Verifiers()
        try await GatewayHarness.with(broker: broker, devices: ["d1", "d2"], verifiers: verifiers) { harness in
            try await eventually {
                try String(contentsOfFile: broker.files.acl, encoding: .utf8).contains("pattern write")
            }
            try await body(harness, verifiers)
        }
        await broker.remove()
    }

    @Test func `let a device in as soon as its key is stored, and out when it is deleted`() async throws {
        try await Self.with { harness, verifiers in
            try verifiers.set("d1", "secret")
            await harness.gateway.changed(device: "d1")
            let device = try await Publisher(to: harness.broker.address("d1", "secret"), on: harness.thread)
            try await device.publish([#"{"a":1}"#], to: "devices/d1/telemetry")
            try await eventually { harness.happenings.tally.recorded == 1 }
            await #expect(throws: MQTTError.self) {
                _ = try await Publisher(to: harness.broker.address("d1", "wrong"), on: harness.thread)
            }
            try verifiers.set("d1", nil)
            await harness.gateway.changed(device: "d1")
            await #expect(throws: MQTTError.self) {
                _ = try await Publisher(to: harness.broker.address("d1", "secret"), on: harness.thread)
            }
        }
    }

    @Test func `keep a device to its own topics`() async throws {
        try await Self.with { harness, verifiers in
            try verifiers.set("d1", "secret")
            try verifiers.set("d2", "secret")
            await harness.gateway.changed(device: "d1")
            await harness.gateway.changed(device: "d2")
            let address = harness.broker.address("d2", "secret")
            for topic in ["devices/d1/telemetry", "devices/d2/config"] {
                // Mosquitto 2.0.11 answers with a reason code and then ends the connection.
                let intruder = try await Publisher(to: address, on: harness.thread)
                try? await intruder.publish([#"{"a":1}"#], to: topic)
            }
            let device = try await Publisher(to: address, topics: ["devices/+/notices"], on: harness.thread)
            try await device.publish(["nonsense"], to: "devices/d2/telemetry")
            let notice = try #require(try await device.receive().first)
            #expect(notice.topic == "devices/d2/notices")
            #expect(try await harness.events(of: "d1").map(\.type) == ["DeviceRegistered"])
        }
    }

    @Test func `gather changes instead of rewriting for each`() async throws {
        try await Self.with { harness, verifiers in
            await withDiscardingTaskGroup { group in
                for number in 0..<200 {
                    group.addTask {
                        try? verifiers.set("g\(number)", "k")
                        await harness.gateway.changed(device: "g\(number)")
                    }
                }
            }
            let passwords = try String(contentsOfFile: harness.broker.files.passwords, encoding: .utf8)
            #expect(passwords.split(separator: "\n").count == 201)
            #expect(verifiers.reads < 20)
        }
    }

    @Test func `never give a device the gateway's rights`() {
        let text = BrokerAccess.passwordText(gateway: ("fleetlog", "$7$a"), devices: ["fleetlog": "$7$b", "d": "$7$c"])
        #expect(String(decoding: text, as: UTF8.self) == "fleetlog:$7$a\nd:$7$c\n")
    }

    @Test func `keep the mode of a file that they replace`() throws {
        let folder = try ThrowawayFolder.make()
        defer { ThrowawayFolder.remove(folder) }
        let file = folder + "/passwords"
        try ReplacedFile.replace(file, with: [1])
        #expect(try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int == 0o640)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
        try ReplacedFile.replace(file, with: [2])
        #expect(try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int == 0o600)
        #expect(FileManager.default.contents(atPath: file) == Data([2]))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 1)
    }
}

extension ThrowawayBroker {
    func address(_ user: String, _ password: String) -> BrokerAddress {
        BrokerAddress(host: address, port: port, username: user, password: password)
    }
}
