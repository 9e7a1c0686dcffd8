import Aggregates
import Projections
import Runtime
import Testing

@Suite struct `How far readings are out of order` {
    private struct Reading {
        /// When it was made, by what was known when it was recorded, and by what became known later.
        var known: Timestamp
        var made: Timestamp
        var recorded: Timestamp
        var provisional: ProvisionalReading?
    }

    /// A device's stream, folded as it grows.
    private struct Stream {
        var row: DeviceRow?
        var readings: [Reading] = []
        private var version: Int64 = 0

        init() throws {
            let registered = DeviceRegistered(
                serial: "a", type: DeviceType("water"), name: "", labels: [:], account: .default)
            try append(.registered(registered), at: noon, recorded: noon)
        }

        mutating func append(_ fact: Device.Event, at time: Timestamp, recorded: Timestamp) throws {
            version += 1
            let encoded = try Device.codec.encode(fact)
            let event = RecordedEvent(
                position: version, stream: StreamName(category: "device", id: "a"), version: version,
                recordedTime: recorded,
                event: NewEvent(
                    id: .v7(), type: encoded.type, schemaVersion: encoded.schemaVersion, class: encoded.eventClass,
                    observedTime: time, data: encoded.data,
                    metadata: EventMetadata(principal: .device("a"), account: .default, commandID: .v7())))
            try DevicesProjection.evolve(&row, with: event)
        }

        mutating func read(madeAt time: Timestamp, recorded: Timestamp) throws {
            let fact = TelemetryRecorded(metrics: ["level": .number(1)], clock: .device)
            try append(.telemetryRecorded(fact), at: time, recorded: recorded)
            readings.append(Reading(known: time, made: time, recorded: recorded))
        }

        /// A reading by a clock that was never set, which is dated by its arrival.
        mutating func read(arrivedAt arrival: Timestamp, after delay: Int64, recorded: Timestamp) throws {
            let time = arrival - .microseconds(delay)
            let fact = TelemetryRecorded(
                metrics: ["level": .number(1)], clock: .device, delay: delay, offset: -delay, provisional: true)
            try append(.telemetryRecorded(fact), at: time, recorded: recorded)
            readings.append(
                Reading(
                    known: arrival, made: arrival, recorded: recorded,
                    provisional: ProvisionalReading(time: time.microseconds, delay: delay)))
        }

        mutating func redate(by offset: Int64, recorded: Timestamp) throws {
            let fact = ReadingsRedated(
                offset: offset, confidence: 1_000_000, metrics: ["level"], readings: readings.compactMap(\.provisional))
            try append(.readingsRedated(fact), at: recorded, recorded: recorded)
            for index in readings.indices {
                if let reading = readings[index].provisional { readings[index].made = fact.time(of: reading) }
                readings[index].provisional = nil
            }
        }

        /// What a search must reckon with.
        var order: (late: Duration, ahead: Duration) {
            var (order, newest) = ((late: Duration.zero, ahead: Duration.zero), Timestamp?.none)
            for reading in readings {
                if let newest { order.late = max(order.late, newest - min(reading.known, reading.made)) }
                order.ahead = max(order.ahead, max(reading.known, reading.made) - reading.recorded)
                newest = max(newest ?? reading.known, reading.known)
            }
            return order
        }
    }

    @Test(arguments: 0..<60) func `is known of the device, also when its readings are dated anew`(
        _ seed: UInt64
    ) throws {
        var random = Random(state: seed &* 0x9E37_79B9_7F4A_7C15 &+ 1)
        var (stream, recorded) = (try Stream(), noon)
        #expect(stream.row?.readingOrder == ReadingOrder())
        let isRedated = seed.isMultiple(of: 2)
        for number in 1...60 {
            recorded = recorded + .seconds(Int64.random(in: 0...600, using: &random))
            let unset: Int64 = 1_000_000_000
            if isRedated, number.isMultiple(of: 19) {
                let offset = -unset - Int64.random(in: -60...3_000, using: &random)
                try stream.redate(by: offset * 1_000_000, recorded: recorded)
            } else if isRedated, Bool.random(using: &random) {
                let arrival = recorded + .seconds(Int64.random(in: -30...30, using: &random))
                let delay = unset + Int64.random(in: 0...20_000, using: &random)
                try stream.read(arrivedAt: arrival, after: delay * 1_000_000, recorded: recorded)
            } else {
                let late = Int64.random(in: 0..<8, using: &random) == 0
                let delay = Int64.random(in: late ? 0...90_000 : -40...0, using: &random)
                try stream.read(madeAt: recorded - .seconds(delay), recorded: recorded)
            }
        }
        let known = try #require(stream.row?.readingOrder)
        let (late, ahead) = (Duration.microseconds(known.late), Duration.microseconds(known.ahead))
        let order = stream.order
        #expect(late >= order.late && ahead >= order.ahead)
        if !isRedated { #expect(late == order.late && ahead == order.ahead) }
    }

    @Test func `is not known of a row of before, whatever comes`() throws {
        var stream = try Stream()
        stream.row?.readingOrder = nil
        try stream.read(madeAt: noon, recorded: noon)
        try stream.read(madeAt: noon - .seconds(60), recorded: noon)
        #expect(stream.row?.lateCount == 1 && stream.row?.readingOrder == nil)
    }

    @Test func `is any amount, of times that cannot be`() throws {
        var stream = try Stream()
        try stream.read(madeAt: Timestamp(microseconds: .max), recorded: noon)
        try stream.read(madeAt: Timestamp(microseconds: .min), recorded: noon)
        #expect(stream.row?.readingOrder?.late == .max)
    }
}
