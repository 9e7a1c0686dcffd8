import Foundation
import Installation
import Support

/// A real broker that knows some devices, and a subscriber that stands in for the server.
struct TestBroker: Sendable {
    let broker: ThrowawayBroker
    private let keys: [String: String]
    private let subscriber: Process

    /// Device `d` has the key `key-d`. `receive` gets the device and the seqs of each message that came through.
    static func start(
        devices: [String], receive: @escaping @Sendable (String, [Int64]) -> Void
    ) async throws -> TestBroker {
        let broker = try await ThrowawayBroker.start()
        let keys = Dictionary(uniqueKeysWithValues: devices.map { ($0, "key-\($0)") })
        try await broker.admit(keys)
        let subscriber = Process()
        subscriber.executableURL = URL(fileURLWithPath: "/usr/bin/mosquitto_sub")
        subscriber.arguments = [
            "-h", broker.address, "-p", "\(broker.port)", "-u", BrokerFiles.gatewayUser,
            "-P", broker.files.gatewayPassword, "-V", "5", "-q", "1", "-i", "server", "-c", "-x", "3600",
            "-t", "devices/+/telemetry", "-t", "devices/+/firmware/status", "-F", "%t %p",
        ]
        let pipe = Pipe()
        subscriber.standardOutput = pipe
        subscriber.standardError = FileHandle.nullDevice
        try subscriber.run()
        // Reads until the subscriber ends; a line is a message.
        Thread.detachNewThread {
            var input = Data()
            while case let chunk = pipe.fileHandleForReading.availableData, !chunk.isEmpty {
                input.append(chunk)
                while let end = input.firstIndex(of: UInt8(ascii: "\n")) {
                    deliver(String(decoding: input[..<end], as: UTF8.self), receive)
                    input = Data(input[(end + 1)...])
                }
            }
        }
        return TestBroker(broker: broker, keys: keys, subscriber: subscriber)
    }

    /// Starts the broker again, and tells it anew who may come in, as a server would.
    func restart() async throws {
        try await broker.start()
        try await broker.admit(keys)
    }

    /// Leaves a firmware message for the device.
    func retain(_ payload: String, for device: String) throws {
        try Self.run(
            "/usr/bin/mosquitto_pub",
            [
                "-h", broker.address, "-p", "\(broker.port)", "-u", BrokerFiles.gatewayUser, "-P",
                broker.files.gatewayPassword, "-q", "1", "-r", "-t", "devices/\(device)/firmware", "-m", payload,
            ])
    }

    func remove() async {
        // Asked politely it would wait for a broker to say goodbye to.
        kill(subscriber.processIdentifier, SIGKILL)
        await broker.remove()
    }

    private static func deliver(_ line: String, _ receive: (String, [Int64]) -> Void) {
        struct Numbered: Decodable { var seq: Int64 }
        let parts = line.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, let device = parts[0].split(separator: "/").dropFirst().first else { return }
        let payload = Data(parts[1].utf8)
        let readings =
            (try? JSONDecoder().decode([Numbered].self, from: payload))
            ?? (try? [JSONDecoder().decode(Numbered.self, from: payload)]) ?? []
        receive(String(device), readings.map(\.seq))
    }

    private static func run(_ program: String, _ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw CocoaError(.featureUnsupported) }
    }
}
