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

    private static let start = Timestamp(microseconds: 1_795_000_000_000_000)
    /// Of the clock that dates some of the readings anew.
    private static let offset: Int64 = -1_500_000_000_000_000

    private static func readings(_ random: inout SeededNumbers) -> [Reading] {
        (0..<Int.random(in: 2...30, using: &random)).map { number in
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

    /// Readings of few instants, several of which are made or arrive at once; half of them are dated by their arrival.
    private static func crowded(_ values: [MetricValue], _ random: inout SeededNumbers) -> [Reading] {
        (0..<Int.random(in: 2...40, using: &random)).map { _ in
            var fact = TelemetryRecorded(metrics: [:], clock: .device)
            for metric in ["temperature", "humidity", "door"] where Bool.random(using: &random) {
                fact.metrics[metric] = values.randomElement(using: &random)
            }
            if Int.random(in: 0..<3, using: &random) == 0 {
                fact.flags = ReadingFlags(missing: ["battery-\(Int.random(in: 0..<3, using: &random))"])
            }
            let made = start + .seconds(Int64.random(in: 0..<8, using: &random) * 60)
            guard Bool.random(using: &random) else { return Reading(fact: fact, time: made) }
            let delay = Int64.random(in: 0..<5, using: &random) * 60_000_000 - offset
            (fact.delay, fact.offset, fact.provisional) = (delay, -delay, true)
            return Reading(fact: fact, time: made + .microseconds(offset))
        }
    }

    private static func recorded(_ readings: [Reading], redated: ReadingsRedated? = nil) throws -> [RecordedEvent] {
        let registered = DeviceRegistered(
            serial: "a", type: DeviceType("water"), name: "", labels: [:], account: .default)
        let registration = Timestamp(microseconds: 1_794_000_000_000_000)
        var events = [(Device.Event.registered(registered), registration)]
        events += readings.map { (Device.Event.telemetryRecorded($0.fact), $0.time) }
        if let redated { events.append((Device.Event.readingsRedated(redated), start)) }
        return try zip(Int64(1)..., events).map { version, event in
            let fact = try Device.codec.encode(event.0)
            return RecordedEvent(
                position: version, stream: StreamName(category: Device.category, id: "d1"), version: version,
                recordedTime: registration,
                event: NewEvent(
                    id: .v7(), type: fact.type, schemaVersion: fact.schemaVersion, observedTime: event.1,
                    data: fact.data,
                    metadata: EventMetadata(principal: .device("d1"), account: .default, commandID: .v7())))
        }
    }

    private static func row(after events: [RecordedEvent]) throws -> DeviceRow {
        var row: DeviceRow?
        for event in events { try DevicesProjection.evolve(&row, with: event) }
        return try #require(row)
    }

    /// All that are dated by their arrival, as the clock would have it.
    private static func redated(_ readings: [Reading]) -> ReadingsRedated {
        ReadingsRedated(
            offset: offset, confidence: 1_000_000, metrics: ["door", "humidity", "temperature"],
            readings: Array(Set(readings.compactMap { ProvisionalReading($0.fact, at: $0.time) })))
    }

    /// As a device with a right clock would have sent them.
    private static func right(_ readings: [Reading]) -> [Reading] {
        readings.map { reading in
            var right = reading
            guard reading.fact.provisional == true else { return right }
            (right.fact.delay, right.fact.offset, right.fact.provisional) = (nil, nil, nil)
            right.time = reading.time - .microseconds(offset)
            return right
        }
    }

    private static func expectTheSame(_ row: DeviceRow, as other: DeviceRow) {
        // What was late, and what is guessed of the clock, is of the order.
        var row = row
        (row.lateCount, row.readingOrder, row.clock) = (other.lateCount, other.readingOrder, other.clock)
        #expect(row == other)
    }

    /// What was late, and when it was heard of, is of the order; what was measured is not.
    @Test(arguments: 0..<100 as Range<UInt64>) func `shows the same as latest`(seed: UInt64) throws {
        var random = SeededNumbers(seed)
        let readings = Self.readings(&random)
        let inOrder = try Self.row(after: try Self.recorded(readings))
        #expect(inOrder.lateCount == 0)
        for _ in 0..<5 {
            Self.expectTheSame(
                try Self.row(after: try Self.recorded(readings.shuffled(using: &random))), as: inOrder)
        }
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `shows the same of several of one instant, before and after some are dated anew`(seed: UInt64) throws {
        var random = SeededNumbers(seed)
        let values: [MetricValue] = [
            .number(-1), .number(0), .number(1), .flag(false), .flag(true), .text("low"), .text("ok"), .null,
        ]
        let readings = Self.crowded(values, &random)
        let redated = Self.redated(readings)
        let before = try Self.row(after: try Self.recorded(readings))
        let after = try Self.row(after: try Self.recorded(readings, redated: redated))
        for _ in 0..<5 {
            let shuffled = readings.shuffled(using: &random)
            Self.expectTheSame(try Self.row(after: try Self.recorded(shuffled)), as: before)
            Self.expectTheSame(try Self.row(after: try Self.recorded(shuffled, redated: redated)), as: after)
        }
        let right = try Self.row(after: try Self.recorded(Self.right(readings)))
        #expect(after.readings == right.readings && after.latestFlagged == right.latestFlagged)
        #expect(after.lastObservedTime == right.lastObservedTime && after.unsettled == nil)
    }

    @Test(arguments: 0..<100 as Range<UInt64>)
    func `shows as latest what is the last of the windows of telemetry`(seed: UInt64) throws {
        var random = SeededNumbers(seed)
        let readings = Self.crowded([.number(-1), .number(0), .number(7.5), .flag(false), .flag(true)], &random)
        for redated in [nil, Self.redated(readings)] {
            let events = try Self.recorded(readings, redated: redated)
            var hours = ViewRows<TelemetryHour>()
            for event in events { try TelemetryProjection.evolve(&hours, with: event) }
            let latest = try Self.row(after: events).readings
            #expect(Set(latest.keys) == Set(hours.changed.map(\.metric)))
            for (metric, reading) in latest {
                let last = hours.changed.filter { $0.metric == metric }.map(\.summary)
                    .max { $0.lastTime < $1.lastTime }
                #expect(reading.time == last?.lastTime && reading.value.measure == last?.last)
            }
        }
    }

    /// The device's own state is what the past is shown by.
    @Test(arguments: 0..<50 as Range<UInt64>) func `shows as latest what the device's own state has`(
        seed: UInt64
    ) throws {
        var random = SeededNumbers(seed)
        let readings = Self.crowded([.number(1), .number(2), .flag(true), .text("ok")], &random)
        for redated in [nil, Self.redated(readings)] {
            let events = try Self.recorded(readings, redated: redated)
            var memory = AggregateMemory<Device>()
            for event in events { try memory.fold(event) }
            let (row, state) = (try Self.row(after: events), memory.state)
            #expect(row.readings == state.readings && row.latestFlagged == state.latestFlagged)
            #expect(row.lastObservedTime == state.latestObserved && row.unsettled == state.unsettled)
        }
    }
}
