import Aggregates
import Foundation
import Runtime
import Support
import Testing

@testable import Gateway

@Suite(.serialized, .timeLimit(.minutes(2))) struct `A device that asks for a receipt` {
    private let topic = "devices/d1/telemetry"

    @Test func `is told the highest number without a gap before it, and what is stored beyond`() async throws {
        try await GatewayHarness.with { harness in
            let device = try await harness.publisher(topics: ["devices/+/receipts"])
            try await device.publish([reading(1), reading(2, asks: true)], to: topic)
            #expect(try await device.receipt(naming: 2) == Stored(seq: 2, ranges: [[1, 2]]))
            try await device.publish([#"[\#(reading(4)),\#(reading(5, asks: true))]"#], to: topic)
            #expect(try await device.receipt(naming: 5) == Stored(seq: 2, ranges: [[1, 2], [4, 5]]))
            try await device.publish([reading(3, asks: true)], to: topic)
            #expect(try await device.receipt(naming: 3) == Stored(seq: 5, ranges: [[1, 5]]))
            // Its receipt may have been lost: the same again is no new reading, but is answered.
            try await device.publish([reading(3, asks: true)], to: topic)
            #expect(try await device.receipt(naming: 3) == Stored(seq: 5, ranges: [[1, 5]]))
            #expect(try await harness.readings(of: "d1").count == 5)
        }
    }

    @Test func `gets none before the commit`() async throws {
        let store = GatedStore()
        try await GatewayHarness.with(store: store) { harness in
            let device = try await harness.publisher(topics: ["devices/+/receipts"])
            try await device.publish([reading(1, asks: true)], to: topic)
            #expect(try await device.receipt(naming: 1).seq == 1)
            store.hold()
            try await device.publish([reading(2, asks: true)], to: topic)
            try await eventually { store.heldAppends > 0 }
            // What would be told now.
            let state = try await harness.directory.recall("d1").state
            #expect(Receipt(state)?.seq == 1)
            #expect(await device.unread.isEmpty)
            store.release()
            #expect(try await device.receipt(naming: 2).seq == 2)
        }
    }

    @Test func `gets few of them, however often it asks, and ingest goes on`() async throws {
        try await GatewayHarness.with { harness in
            let device = try await harness.publisher(topics: ["devices/+/receipts"])
            try await device.publish((1...2_000).map { reading($0, asks: true) }, to: topic)
            try await eventually { harness.happenings.tally.recorded == 2_000 }
            var receipts = 0
            repeat {
                receipts += 1
                if try await device.receipt(naming: 1).seq == 2_000 { break }
            } while true
            #expect(receipts < 200, "\(receipts)")
        }
    }

    @Test func `says so with true, and once a reading`() throws {
        for payload in [
            #"{"seq":1,"receipt":1,"a":1}"#, #"{"receipt":true,"receipt":true,"a":1}"#, #"{"receipt":true}"#,
        ] {
            #expect(throws: MalformedPayload.self) { try TelemetryPayload.readings(of: Array(payload.utf8)) }
        }
        let readings = try TelemetryPayload.readings(
            of: Array(#"[{"receipt":false,"a":1},{"receipt":true,"a":1}]"#.utf8))
        #expect(readings.map(\.wantsReceipt) == [false, true] && readings[1].metrics == ["a": .number(1)])
    }

    private func reading(_ seq: Int, asks: Bool = false) -> String {
        #"{"seq":\#(seq),"a":1\#(asks ? #","receipt":true"# : "")}"#
    }
}

private struct Stored: Decodable, Equatable {
    var seq: Int64
    var ranges: [[Int64]]
}

extension Publisher {
    /// The next receipt in which the number is; earlier ones are passed over.
    fileprivate func receipt(naming number: Int64) async throws -> Stored {
        while true {
            // Several may have come together; the last of them says the most.
            var newest: Stored?
            for message in try await receive() where message.topic.hasSuffix("/receipts") {
                let stored = try JSONDecoder().decode(Stored.self, from: Data(message.payload))
                if stored.ranges.contains(where: { $0[0] <= number && number <= $0[1] }) { newest = stored }
            }
            if let newest { return newest }
        }
    }
}

/// Nothing reaches anybody.
struct NoLink: DevicePublishing {
    func publish(_ messages: [DeviceMessage]) async throws(MQTTError) {}
}
