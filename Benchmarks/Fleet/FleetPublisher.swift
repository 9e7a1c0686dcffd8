import Foundation
import Installation
import Runtime
import Synchronization

/// Devices whose readings come over one connection, at a steady rate.
struct FleetPublisher: Sendable {
    let broker: PrivateBroker
    let devices: [String]

    /// So long the broker may take to acknowledge what was published.
    private static let patience = Duration.seconds(120)

    /// Returns when the broker has acknowledged all of it; how many messages there have been by then.
    ///
    /// - Parameter earlier: messages of before; the devices go on with the next of their numbers.
    func publish(_ rate: Double, for time: Duration, from earlier: Int) async throws -> Int {
        try await onThreadOfItsOwn {
            let tally = PlainClient.Tally()
            let client = try PlainClient(to: broker, as: "bench-fleet", inFlight: 4_000, tally)
            let begin = ContinuousClock.now
            let total = Int(rate * (time / .seconds(1)))
            var sent = 0
            while tally.acknowledged.load(ordering: .relaxed) < total {
                let due = min(total, Int(rate * ((ContinuousClock.now - begin) / .seconds(1))))
                while sent < due {
                    let (topic, payload) = message(earlier + sent)
                    try client.publish(payload, to: topic)
                    sent += 1
                }
                try client.turn(milliseconds: 1)
                // As in `PublisherLoad`.
                usleep(1_000)
                guard .now < begin + time + Self.patience else {
                    throw BenchmarkFailed("the broker does not acknowledge what is published")
                }
            }
            return earlier + total
        }
    }

    private func message(_ number: Int) -> (topic: String, payload: [UInt8]) {
        let (turn, device) = number.quotientAndRemainder(dividingBy: devices.count)
        let payload = """
            {"ts":"\(Timestamp.now())","seq":\(turn + 1),"temperature":\(18 + number & 7),"humidity":44.5,"battery":3.61}
            """
        return ("devices/\(devices[device])/telemetry", Array(payload.utf8))
    }
}
