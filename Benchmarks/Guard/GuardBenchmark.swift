import Foundation
import Gateway
import Installation
import Runtime

/// The broker's guard with 100,000 devices: times and memory beside what is aimed at, throughput beside the same broker
/// without a guard.
struct GuardBenchmark {
    static let devices = 100_000
    /// Publishers and the subscriber are the same with and without; each publisher is one device.
    private static let changes = 20

    func run(
        progress: @Sendable (String) -> Void, report: @Sendable (Measure) throws -> Void
    ) async throws {
        try await ThrowawayServers.with { servers in
            var (load, change, revocation, bytes) = (Samples(), Samples(), Samples(), Samples())
            var (guarded, bare) = (Samples(), Samples())
            for run in 1...Benchmark.runs {
                try await servers.withBroker { broker in
                    let source = KnownDevices(Self.devices)
                    let before = try Self.residentBytes(of: broker)
                    let begin = ContinuousClock.now
                    try await Self.feeding(broker, from: source) { feed in
                        try await until("the last device is let in") {
                            (try? await Self.login(to: broker, Self.devices - 1)) != nil
                        }
                        load.add((.now - begin) / .milliseconds(1))
                        bytes.add(Double(try Self.residentBytes(of: broker) - before) / Double(Self.devices))
                        for number in 0..<Self.changes {
                            let (visible, ended) = try await Self.change(number, source, feed, broker)
                            change.add(visible)
                            revocation.add(ended)
                        }
                        guarded.add(try await Self.throughput(of: broker))
                    }
                }
                bare.add(try await servers.withBroker(isGuarded: false) { try await Self.throughput(of: $0) })
                progress("guard: run \(run) of \(Benchmark.runs)")
            }
            try report(Measure("guard.load.aim", unit: "ms", of: load, beside: .one(5_000)))
            try report(Measure("guard.change.aim", unit: "ms", of: change, beside: .one(50)))
            try report(Measure("guard.revocation.aim", unit: "ms", of: revocation, beside: .one(1_000)))
            try report(Measure("guard.device.aim", unit: "bytes", of: bytes, beside: .one(200)))
            try report(Measure("guard.throughput.broker", unit: "messages/s", of: guarded, beside: bare))
        }
    }

    /// Milliseconds until a new key lets its device in, and until the loss of it has ended the connection.
    private static func change(
        _ number: Int, _ source: KnownDevices, _ feed: GuardFeed, _ broker: PrivateBroker
    ) async throws -> (visible: Double, ended: Double) {
        let device = devices + number
        source.add(device)
        let added = ContinuousClock.now
        await feed.changed(device: PublisherLoad.device(device))
        try await login(to: broker, device)
        let visible = (ContinuousClock.now - added) / .milliseconds(1)
        // Told from another task, while the device's own thread waits.
        async let ended = endOfConnection(of: device, at: broker) {
            source.revoke(device)
            Task { await feed.changed(device: PublisherLoad.device(device)) }
        }
        return (visible, try await ended)
    }

    private static func endOfConnection(
        of device: Int, at broker: PrivateBroker, revoking: @escaping @Sendable () -> Void
    ) async throws -> Double {
        try await onThreadOfItsOwn {
            let client = try client(of: device, at: broker)
            let begin = ContinuousClock.now
            revoking()
            try client.turnUntilEnded()
            return (ContinuousClock.now - begin) / .milliseconds(1)
        }
    }

    private static func login(to broker: PrivateBroker, _ device: Int) async throws {
        try await onThreadOfItsOwn { _ = try client(of: device, at: broker) }
    }

    private static func client(of device: Int, at broker: PrivateBroker) throws -> PlainClient {
        try PlainClient(
            to: broker, as: "bench-device-\(device)",
            login: (PublisherLoad.device(device), PublisherLoad.key(device)), inFlight: 10, PlainClient.Tally())
    }

    private static func throughput(of broker: PrivateBroker) async throws -> Double {
        try await IdleSubscriber(broker: broker).run { received in
            try await PublisherLoad(broker: broker, isByDevices: true).run(settled: received)
        }
    }

    private static func feeding<Value: Sendable>(
        _ broker: PrivateBroker, from source: KnownDevices, _ body: (GuardFeed) async throws -> Value
    ) async throws -> Value {
        let thread = try PollThread(name: "feeding")
        defer { thread.shutdown() }
        let feed = GuardFeed(
            to: BrokerAddress(
                host: broker.address, port: broker.port, username: BrokerFiles.gatewayUser,
                password: broker.files.gatewayPassword), server: "bench", reserved: [],
            limit: DeviceLimit(messagesPerMinute: 100_000_000, messageBurst: 4_000_000, bytesPerSecond: 1 << 31),
            source: source, on: thread, logger: silent, hear: { _ in })
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await feed.runUntilCancelled() }
            defer { group.cancelAll() }
            return try await body(feed)
        }
    }

    private static func residentBytes(of broker: PrivateBroker) throws -> Int {
        let path = broker.files.processID
        let text = try String(contentsOfFile: path, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
        let pages = try String(contentsOfFile: "/proc/\(text)/statm", encoding: .utf8).split(separator: " ")
        return (pages.dropFirst().first.flatMap { Int($0) } ?? 0) * 4_096
    }
}

extension Samples {
    /// An aim instead of a contender.
    static func one(_ value: Double) -> Samples {
        var samples = Samples()
        samples.add(value)
        return samples
    }
}
