import Glibc
import Installation
import Runtime
import Synchronization

/// A fleet's telemetry over a few connections, as fast as the other end settles it.
struct PublisherLoad: Sendable {
    static let devices = 1_000
    static let connections = 2
    /// Messages that a connection may have sent without an acknowledgement.
    static let inFlight = 250
    /// Messages that may be on their way from publisher to settlement: a steady stream, and no growing queue.
    static let underWay = 8_000
    /// Every device's first message wakes its actor; not timed.
    static let warmUp = 2 * devices
    static let messages = 200_000

    let broker: PrivateBroker
    /// Whether each connection is one device with its own key and topic; otherwise all are the gateway, for all devices.
    var isByDevices = false

    static func device(_ number: Int) -> String { "bench\(number)" }
    static func key(_ number: Int) -> String { "flk_\(number)" }

    /// Messages per second, from the first publish to the last settlement.
    ///
    /// - Parameter settled: how many messages the other end is done with by now.
    func run(settled: @escaping @Sendable () -> Int) async throws -> Double {
        try await publish(Self.warmUp, seq: 1, settled: settled)
        let begin = ContinuousClock.now
        try await publish(Self.messages, seq: 1_000_000) { settled() - Self.warmUp }
        return Double(Self.messages) / ((.now - begin) / .seconds(1))
    }

    /// Returns when all are settled.
    private func publish(_ messages: Int, seq: Int, settled: @escaping @Sendable () -> Int) async throws {
        let time = Timestamp.now().description
        try await withThrowingTaskGroup(of: Void.self) { group in
            for connection in 0..<Self.connections {
                group.addTask {
                    try await onThreadOfItsOwn {
                        let part = Part(
                            connection: connection, messages: messages, seq: seq, time: time, isDevice: isByDevices)
                        try part.publish(to: broker, settled: settled)
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}

/// What one connection publishes: the messages of its devices, each device's in order.
private struct Part {
    let connection: Int
    let messages: Int
    let seq: Int
    let time: String
    let isDevice: Bool

    func publish(to broker: PrivateBroker, settled: () -> Int) throws {
        let tally = PlainClient.Tally()
        let client = try PlainClient(
            to: broker, as: "bench-publisher-\(connection)",
            login: isDevice ? (PublisherLoad.device(connection), PublisherLoad.key(connection)) : nil,
            inFlight: PublisherLoad.inFlight, tally)
        let share = messages / PublisherLoad.connections
        let window = PublisherLoad.underWay / PublisherLoad.connections
        let deadline = ContinuousClock.now + .seconds(90)
        var sent = 0
        while settled() < messages {
            let room = min(
                share - sent, PublisherLoad.inFlight - (sent - tally.acknowledged.load(ordering: .relaxed)),
                window - (sent - settled() / PublisherLoad.connections))
            for _ in 0..<max(0, room) {
                let (topic, payload) = message(sent)
                try client.publish(payload, to: topic)
                sent += 1
            }
            try client.turn(milliseconds: 1)
            // Acknowledgements gather meanwhile: a publisher that woke up for each of them would take the processor
            // from what is measured, as no device on a machine of its own does.
            usleep(1_000)
            guard ContinuousClock.now < deadline else {
                throw BenchmarkFailed("\(settled()) of \(messages) messages were settled within 90 s")
            }
        }
    }

    private func message(_ number: Int) -> (topic: String, payload: [UInt8]) {
        let own = PublisherLoad.devices / PublisherLoad.connections
        let device = isDevice ? connection : number % own * PublisherLoad.connections + connection
        let payload = """
            {"ts":"\(time)","seq":\(seq + number / own),"temperature":\(18 + number & 31),"humidity":44.5,"battery":3.61}
            """
        return ("devices/\(PublisherLoad.device(device))/telemetry", Array(payload.utf8))
    }
}
