import Aggregates
import Projections
import Runtime
import Support
import Testing

@Suite struct `The view of devices, in whatever order readings arrive` {
    private struct Reading {
        var fact: TelemetryRecorded
        var time: Timestamp
    }

    private static func readings(_ random: inout SeededNumbers) -> [Reading] {
        let start = Timestamp(microseconds: 1_795_000_000_000_000)
        return (0..<Int.random(in: 2...30, using: &random)).map { number in
            let metrics = ["temperature", "humidity", "leak"].filter { _ in Bool.random(using: &random) }
            var flags: ReadingFlags?
            if Int.random(in: 0..<4, using: &random) == 0 {
                flags = ReadingFlags()
                flags?.missing = ["battery-\(number)"]
            }
            return Reading(
                fact: TelemetryRecorded(
                    metrics: Dictionary(uniqueKeysWithValues: metrics.map { ($0, .number(Double(number))) }),
                    clock: .device, flags: flags),
                time: start + .seconds(Int64(number) * 60))
        }
    }

    private static func row(after readings: [Reading]) throws -> DeviceRow {
        let registered = DeviceRegistered(
            serial: "a", type: DeviceType("water"), name: "", labels: [:], account: .default)
        let start = Timestamp(microseconds: 1_794_000_000_000_000)
        var row: DeviceRow?
        let events =
            [(Device.Event.registered(registered), start)] + readings.map { (.telemetryRecorded($0.fact), $0.time) }
        for (version, (event, time)) in zip(Int64(1)..., events) {
            let fact = try Device.codec.encode(event)
            try DevicesProjection.evolve(
                &row,
                with: RecordedEvent(
                    position: version, stream: StreamName(category: Device.category, id: "d1"), version: version,
                    recordedTime: start,
                    event: NewEvent(
                        id: .v7(), type: fact.type, schemaVersion: fact.schemaVersion, observedTime: time,
                        data: fact.data,
                        metadata: EventMetadata(principal: .device("d1"), account: .default, commandID: .v7()))))
        }
        return try #require(row)
    }

    /// What was late, and when it was heard of, is of the order; what was measured is not.
    @Test(arguments: 0..<100 as Range<UInt64>) func `shows the same as latest`(seed: UInt64) throws {
        var random = SeededNumbers(seed)
        let readings = Self.readings(&random)
        let inOrder = try Self.row(after: readings)
        #expect(inOrder.lateCount == 0)
        for _ in 0..<5 {
            var shuffled = try Self.row(after: readings.shuffled(using: &random))
            shuffled.lateCount = inOrder.lateCount
            #expect(shuffled == inOrder)
        }
    }
}
