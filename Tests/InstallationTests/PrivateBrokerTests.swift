import Foundation
import Installation
import Support
import Testing

@Suite(.serialized, .timeLimit(.minutes(3))) struct `A private broker` {
    @Test func `admits the gateway and refuses strangers`() async throws {
        let broker = try await ThrowawayBroker.start()
        try await publish(to: broker, as: broker.gateway)
        await #expect(throws: InstallationError.self) { try await publish(to: broker, as: nil) }
        await #expect(throws: InstallationError.self) {
            try await publish(to: broker, as: Login(name: BrokerFiles.gatewayUser, password: "wrong"))
        }
        await broker.remove()
    }

    @Test func `admits a device once it is named, to its own topics only`() async throws {
        let broker = try await ThrowawayBroker.start()
        await #expect(throws: InstallationError.self) {
            try await publish(to: broker, as: Login(name: "d1", password: "secret"), topic: "devices/d1/status")
        }
        let device = try await broker.admit("d1")
        try await publish(to: broker, as: device, topic: "devices/d1/status")
        async let above = received(by: broker.gateway, from: broker, topic: "devices/+/telemetry")
        async let below = received(by: device, from: broker, topic: "devices/d1/commands")
        try await eventually("both listening") {
            try ["gateway", "d1"].allSatisfy { try broker.log.contains("as listener-\($0)") }
        }
        try await publish(to: broker, as: device, topic: "devices/d2/telemetry", message: "foreign")
        try await publish(to: broker, as: device, topic: "devices/d1/telemetry", message: "own")
        #expect(try await above == "devices/d1/telemetry own")
        try await publish(to: broker, as: broker.gateway, topic: "devices/d2/commands", message: "foreign")
        try await publish(to: broker, as: broker.gateway, topic: "devices/d1/commands", message: "own")
        #expect(try await below == "devices/d1/commands own")
        await broker.remove()
    }

    @Test func `refuses a payload of 10 MB and goes on`() async throws {
        let broker = try await ThrowawayBroker.start()
        await #expect(throws: InstallationError.self) {
            try await publish(to: broker, as: broker.gateway, message: String(repeating: "x", count: 10_000_000))
        }
        try await publish(to: broker, as: broker.gateway, message: String(repeating: "x", count: 1_000_000))
        await broker.remove()
    }

    @Test func `is taken over when it was left running`() async throws {
        let before = try await ThrowawayBroker.start()
        let pid = try #require(await before.broker.process.running).pid
        let after = try ThrowawayBroker.prepare(in: before.folder, port: before.port)
        try await after.start()
        #expect(await after.broker.process.running?.pid == pid)
        await after.stop()
        try await eventually("the end") { await before.broker.process.running == nil }
        await after.remove()
    }

    @Test func `left running with other settings is replaced`() async throws {
        let before = try await ThrowawayBroker.start()
        let after = try ThrowawayBroker.prepare(in: before.folder, port: freePort())
        try await after.start()
        #expect(await before.broker.process.running == nil)
        try await publish(to: after, as: after.gateway)
        await after.remove()
    }

    @Test func `left running with the guard of another release is replaced once, and keeps what waits in it`()
        async throws
    {
        let (log, before) = (KeptLog(), try await ThrowawayBroker.start())
        try await subscribe(to: before, session: "keeper", topic: "devices/+/telemetry")
        try await publish(to: before, as: before.gateway, message: "kept")
        // Another file, and as good a library.
        let released = before.folder + "/released.so"
        let code = try Data(contentsOf: URL(fileURLWithPath: before.files.guardLibrary))
        try (code + Data([0])).write(to: URL(fileURLWithPath: released))
        func upgraded() throws -> ThrowawayBroker {
            try .prepare(in: before.folder, port: before.port, guardLibrary: released, logger: log.logger)
        }

        let after = try upgraded()
        try await after.start()
        let pid = try #require(await after.broker.process.running).pid
        #expect(await before.broker.process.running == nil)
        #expect(log.count(of: "stopped, to be started anew") == 1)
        let next = try upgraded()
        try await next.start()
        #expect(await next.broker.process.running?.pid == pid)
        #expect(log.count(of: "stopped, to be started anew") == 1)
        let kept = try await received(by: next.gateway, from: next, topic: "devices/+/telemetry", session: "keeper")
        #expect(kept == "devices/d1/telemetry kept")
        await next.remove()
    }

    @Test func `left running is replaced if the file of the guard that it has loaded is gone`() async throws {
        let before = try await ThrowawayBroker.start()
        let library = URL(fileURLWithPath: before.files.guardLibrary)
        // As if a start had been killed between the new guard and the new broker.
        let code = try Data(contentsOf: library)
        try code.write(to: library, options: .atomic)
        let after = try ThrowawayBroker.prepare(in: before.folder, port: before.port)
        try await after.start()
        #expect(await before.broker.process.running == nil)
        await after.remove()
    }

    @Test func `keeps a session's messages over a restart`() async throws {
        let broker = try await ThrowawayBroker.start()
        try await subscribe(to: broker, session: "keeper", topic: "devices/+/telemetry")
        try await publish(to: broker, as: broker.gateway, message: "kept")
        try await broker.restart()
        let kept = try await received(by: broker.gateway, from: broker, topic: "devices/+/telemetry", session: "keeper")
        #expect(kept == "devices/d1/telemetry kept")
        await broker.remove()
    }

    @Test func `on a port in use is refused by number and setting`() async throws {
        let first = try await ThrowawayBroker.start()
        let second = try ThrowawayBroker.prepare(in: ThrowawayFolder.make(), port: first.port)
        let error = await #expect(throws: InstallationError.self) { try await second.start() }
        let text = try #require(error).description
        for part in ["\(first.port)", "MQTT", "--mqtt-port", "FLEETLOG_MQTT_PORT"] { #expect(text.contains(part)) }
        #expect(!FileManager.default.fileExists(atPath: second.folder + "/mosquitto/mosquitto.conf"))
        await first.remove()
    }

    @Test func `is never root and keeps its files to itself`() async throws {
        let broker = try await ThrowawayBroker.start()
        let pid = try #require(await broker.broker.process.running).pid
        #expect(try FileManager.default.attributesOfItem(atPath: "/proc/\(pid)")[.ownerAccountID] as? Int != 0)
        for file in [broker.files.guardPassword, broker.files.gatewayPasswordFile] {
            #expect(try mode(of: file) == 0o600, "\(file)")
        }
        await broker.remove()
    }

    @Test func `speaks TLS with a certificate of its own authority, which stays`() async throws {
        let broker = try await ThrowawayBroker.start(tlsPort: freePort())
        let authority = broker.files.certificateAuthority
        let first = try String(contentsOfFile: authority, encoding: .utf8)
        try await publishOverTLS(to: broker, trusting: authority)
        // Who trusts the world's authorities only does not believe the broker.
        let others = "/etc/ssl/certs/ca-certificates.crt"
        await #expect(throws: InstallationError.self) { try await publishOverTLS(to: broker, trusting: others) }
        await #expect(throws: InstallationError.self) {
            try await publishOverTLS(to: broker, trusting: authority, password: "wrong")
        }
        try await broker.restart()
        #expect(try String(contentsOfFile: authority, encoding: .utf8) == first)
        try await publishOverTLS(to: broker, trusting: authority)
        for (file, wanted) in [("ca.key", 0o600), ("server.key", 0o600), ("ca.crt", 0o644)] {
            #expect(try mode(of: broker.folder + "/mosquitto/tls/" + file) == wanted, "\(file)")
        }
        await broker.remove()
    }

    @Test(arguments: [false, true])
    func `has a port for certificates of its own authority, which stays, or of the one that is given`(
        isGiven: Bool
    ) async throws {
        let given = isGiven ? try await TestAuthority() : nil
        defer { given?.remove() }
        let broker = try ThrowawayBroker.prepare(
            in: ThrowawayFolder.make(), port: freePort(), certificatePort: freePort(),
            deviceAuthority: given?.authority.certificate)
        try await broker.start()
        let tls = broker.folder + "/mosquitto/tls/"
        #expect(PrivateBroker.certificatePort(in: broker.folder) == broker.certificatePort)
        #expect(FileManager.default.fileExists(atPath: tls + "devices-ca.key") == !isGiven)
        if !isGiven { #expect(try mode(of: tls + "devices-ca.key") == 0o600) }
        let first = try String(contentsOfFile: broker.files.deviceAuthority, encoding: .utf8)
        let authority =
            if let given { given } else { try await TestAuthority(DeviceCertificateAuthority(of: broker.folder)) }
        let certificate = try await authority.issue("d1")
        try await broker.restart()
        #expect(try String(contentsOfFile: broker.files.deviceAuthority, encoding: .utf8) == first)
        try await broker.admit("d1", certificate: certificate.der)
        try await publish(to: broker, by: certificate)
        // Known to the guard, and signed by somebody else.
        let stranger = try await TestAuthority()
        defer { stranger.remove() }
        let foreign = try await stranger.issue("d1")
        try await broker.admit("d1", certificate: foreign.der)
        await #expect(throws: InstallationError.self) { try await publish(to: broker, by: foreign) }
        await broker.remove()
    }
}

private func publish(to broker: ThrowawayBroker, by certificate: TestAuthority.Issued) async throws {
    try await run(
        "/usr/bin/mosquitto_pub",
        [
            "-h", "127.0.0.1", "-p", "\(broker.certificatePort ?? 0)", "--cafile", broker.files.certificateAuthority,
            "--cert", certificate.certificate, "--key", certificate.key, "-V", "mqttv5", "-q", "1",
            "-t", "devices/d1/telemetry", "-m", "{}",
        ])
}

private func publishOverTLS(
    to broker: ThrowawayBroker, trusting authority: String, password: String? = nil
) async throws {
    guard let port = broker.tlsPort else { return }
    try await run(
        "/usr/bin/mosquitto_pub",
        [
            "-h", "127.0.0.1", "-p", "\(port)", "--cafile", authority, "-q", "1", "-t", "devices/d1/telemetry", "-m",
            "{}",
            "-u", BrokerFiles.gatewayUser, "-P", password ?? broker.files.gatewayPassword,
        ])
}
