import Foundation
import Runtime
import Testing

@testable import Aggregates

private struct Random: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ (state >> 31)
    }
}

private let second: Int64 = 1_000_000
private let week = 7 * 86_400 * second
private let start = Timestamp.noon.microseconds

/// A message as it arrives: when, and how much later than the device says.
private struct Arrival {
    var at: Int64
    var delay: Int64
}

extension DeviceClock {
    fileprivate mutating func hear(_ arrival: Arrival) {
        hear(delay: arrival.delay, arrival: Timestamp(microseconds: arrival.at))
    }
}

@Suite struct `The clock of a device` {
    /// Readings that come at once, one a minute, over a network that takes up to a second.
    private func live(_ count: Int, from start: Int64, offset: Int64, _ random: inout Random) -> [Arrival] {
        (0..<count).map { minute in
            Arrival(
                at: start + Int64(minute) * 60 * second,
                delay: -offset + Int64.random(in: 0..<second, using: &random))
        }
    }

    /// A buffer of readings a `pace` apart, sent within a few seconds, oldest first, newest first, or in no order.
    private func batch(at time: Int64, offset: Int64, order: Int, pace: Int64, _ random: inout Random) -> [Arrival] {
        var delays = (1...Int.random(in: 1...500, using: &random)).map { Int64($0) * pace - offset }
        if order == 0 { delays.reverse() }
        if order == 2 { delays.shuffle(using: &random) }
        return delays.enumerated().map { index, delay in
            Arrival(at: time + Int64(index) * second / 100, delay: delay + Int64(index) * second / 100)
        }
    }

    @Test(arguments: 0..<60)
    func `is known within its confidence, whatever the order of late batches`(_ seed: UInt64) throws {
        var random = Random(state: seed &* 0x9E37_79B9_7F4A_7C15)
        let offset = Int64.random(in: -week...week, using: &random)
        var clock = DeviceClock()
        var time = start
        for round in 0..<5 {
            if Bool.random(using: &random) {
                let late = batch(
                    at: time, offset: offset, order: Int.random(in: 0..<3, using: &random),
                    pace: [1, 7, 60, 3_600][Int.random(in: 0..<4, using: &random)] * second, &random)
                for arrival in late { clock.hear(arrival) }
                time += 60 * second
            }
            for arrival in live(6, from: time, offset: offset, &random) { clock.hear(arrival) }
            // Whatever came before, a few readings that came at once suffice.
            #expect(clock.isSettled && abs(clock.offset - offset) <= clock.confidence, "round \(round), \(clock)")
            #expect(clock.confidence <= 20 * second, "\(clock)")
            time += Int64.random(in: 1...86_400, using: &random) * second
        }
    }

    @Test func `is not known from a buffer alone, however long it takes to be sent`() {
        var clock = DeviceClock()
        // A reading each 4 s, a hundred times as fast: each is less late than the one before.
        for index in 0..<Int64(20_000) {
            clock.hear(Arrival(at: start + index * second / 25, delay: week - index * 4 * second))
            #expect(!clock.isSettled)
        }
    }

    /// A clock that is right, known for ten minutes.
    private func settled() -> DeviceClock {
        var clock = DeviceClock()
        for minute in 0..<Int64(10) { clock.hear(Arrival(at: start + minute * 60 * second, delay: 0)) }
        #expect(clock.isSettled && clock.offset == 0)
        return clock
    }

    @Test func `is not forgotten while a buffer is being sent, however long that takes`() {
        var clock = settled()
        let then = start + week
        for index in 0..<Int64(20_000) {
            clock.hear(Arrival(at: then + index * second / 25, delay: week - index * 4 * second))
            #expect(clock.offset == 0)
        }
    }

    @Test func `is neither known nor changed by what comes all at once`() {
        var (new, known) = (DeviceClock(), settled())
        let then = start + 600 * second
        for _ in 0..<10 {
            new.hear(Arrival(at: then, delay: week))
            known.hear(Arrival(at: then, delay: week))
        }
        #expect(!new.isSettled && known.offset == 0)
    }

    @Test func `is told by the reading that took the least time`() {
        var clock = settled()
        for minute in 10..<Int64(99) {
            clock.hear(Arrival(at: start + minute * 60 * second, delay: minute % 3 == 0 ? 0 : 4 * second))
        }
        #expect(abs(clock.offset) <= second / 10 && clock.confidence >= 4 * second)
    }

    @Test func `is less sure after a long silence`() {
        var clock = settled()
        let then = start + week
        // It may have wandered by a minute, so this reading may have come at once.
        clock.hear(Arrival(at: then, delay: 50 * second))
        #expect(abs(clock.offset) <= clock.confidence)
        clock.hear(Arrival(at: then + 60 * second, delay: 0))
        #expect(abs(clock.offset) <= second / 10)
    }

    @Test func `is followed when it wanders, and believed when it was set, but not upon a reading or two`() {
        var clock = DeviceClock()
        var random = Random(state: 1)
        // 80 ppm for three days.
        for minute in 0..<Int64(3 * 1_440) {
            clock.hear(
                Arrival(
                    at: start + minute * 60 * second,
                    delay: minute * 4_800 + Int64.random(in: 0..<second, using: &random)))
            #expect(abs(clock.offset + minute * 4_800) <= 3 * second / 2)
        }
        let before = clock.offset
        let then = start + 3 * 86_400 * second
        // One reading from 2040, and some of last week.
        clock.hear(Arrival(at: then, delay: -14 * 365 * 86_400 * second))
        for index in 0..<Int64(10) { clock.hear(Arrival(at: then + index * second, delay: week - index * 60 * second)) }
        #expect(abs(clock.offset - before) <= second)
        for minute in 1...Int64(4) {
            clock.hear(Arrival(at: then + minute * 60 * second, delay: -7_200 * second))
        }
        #expect(abs(clock.offset - 7_200 * second) <= clock.confidence)
    }

    @Test func `that cannot be told from any other bears any time`() {
        var clock = DeviceClock()
        for delay in [Int64.max, .min, 0, .max, .min, 1, -1] {
            for time in [Int64.min, .max, 0] { clock.hear(delay: delay, arrival: Timestamp(microseconds: time)) }
        }
        _ = clock.news(limit: 1)
    }

    @Test(arguments: 0..<20) func `is the same when it was written down and read in between`(_ seed: UInt64) throws {
        var random = Random(state: seed)
        var (whole, stored) = (DeviceClock(), DeviceClock())
        for index in 0..<Int64(50) {
            let delay = [0, 3, 3_600, -7_200][Int.random(in: 0..<4, using: &random)] * second
            let arrival = Arrival(at: start + index * 20 * second, delay: delay)
            whole.hear(arrival)
            stored = try JSONDecoder().decode(DeviceClock.self, from: JSONEncoder().encode(stored))
            stored.hear(arrival)
            #expect(whole == stored)
        }
    }
}

private typealias Spec = Specification<Device>

@Suite struct `A device with a wrong clock` {
    private static let registered = Device.Event.registered(
        DeviceRegistered(serial: "s", type: DeviceType("temperature"), name: "", labels: [:], account: .default))

    /// Sends readings, one a minute from noon on, by a clock that is so far ahead; returns what was recorded.
    private func report(
        _ minutes: Range<Int64>, ahead: Duration, limit: Int = 60, _ device: inout Spec
    ) throws -> [Device.Event] {
        var events: [Device.Event] = []
        for minute in minutes {
            let arrival = Timestamp.noon + .seconds(minute * 60)
            let reading = Telemetry(
                metrics: ["temperature": .number(Double(minute))], seq: nil, clock: .device, arrival: arrival,
                schemas: .readyMade.limitingClocks(toSeconds: limit))
            let facts = try device.when(.recordTelemetry(reading), at: arrival + ahead).result.get()
            for fact in facts { device = device.and(fact, at: arrival + ahead) }
            events += facts
        }
        return events
    }

    private func clockEvents(_ events: [Device.Event]) -> [Device.Event] {
        events.filter {
            switch $0 {
            case .telemetryRecorded, .readingsRedated: false
            default: true
            }
        }
    }

    private func redatings(_ events: [Device.Event]) -> [ReadingsRedated] {
        events.compactMap { if case .readingsRedated(let fact) = $0 { fact } else { nil } }
    }

    /// Sends readings of a buffer, a minute apart, the newest of them just made; all arrive at noon.
    private func empty(_ count: Int64, ahead: Duration, at arrival: Timestamp = .noon, _ device: inout Spec) throws {
        for age in (0..<count).reversed() {
            let time = arrival - .seconds(60 * (age + 1)) + ahead
            let reading = Telemetry(
                metrics: ["temperature": .number(Double(age)), "status": .text("x")], seq: nil, clock: .device,
                arrival: arrival)
            for fact in try device.when(.recordTelemetry(reading), at: time).result.get() {
                device = device.and(fact, at: time)
            }
        }
    }

    private static let neverSet = Duration.seconds(-1_795_000_000)

    @Test func `has what was dated by its arrival dated anew when the clock is known, once`() throws {
        var device = Spec.given(Self.registered)
        try empty(20, ahead: Self.neverSet, &device)
        let events = try report(0..<30, ahead: Self.neverSet, &device)
        let found = redatings(events)
        let redated = try #require(found.first)
        #expect(found.count == 1 && redated.metrics == ["temperature"])
        let times = redated.readings.map { redated.time(of: $0) }
        #expect(Array(times.prefix(20)) == (0..<20).map { .noon - .seconds(60 * (20 - $0)) })
        // The live ones that had to do with a guess before the clock was known.
        #expect(redated.readings.count > 20 && times.dropFirst(20).allSatisfy { $0 >= .noon })
        guard case .clockDrifted? = events.firstIndex(of: .readingsRedated(redated)).map({ events[$0 - 1] }) else {
            Issue.record("not told with the clock: \(events)")
            return
        }
    }

    @Test func `shows as its latest what was made last, when its clock is known`() throws {
        func said(_ text: String) -> Device.Event {
            .telemetryRecorded(TelemetryRecorded(metrics: ["status": .text(text)], clock: .server))
        }
        // Two minutes before the buffer arrives, whose newest reading is of one minute before.
        var device = Spec.given(Self.registered).and(said("settled"), at: .noon - .seconds(120))
        try empty(5, ahead: Self.neverSet, &device)
        #expect(device.state.readings["status"] == LatestReading(value: .text("x"), time: .noon))
        var later = device
        _ = try report(0..<9, ahead: Self.neverSet, &device)
        let newest = LatestReading(value: .text("x"), time: .noon - .seconds(60))
        #expect(device.state.readings["status"] == newest && device.state.unsettled == nil)

        // One that came before the clock was known, and was made later than all of the buffer.
        later = later.and(said("y"), at: .noon - .seconds(30))
        #expect(later.state.readings["status"]?.time == .noon)
        _ = try report(0..<9, ahead: Self.neverSet, &later)
        #expect(later.state.readings["status"] == LatestReading(value: .text("y"), time: .noon - .seconds(30)))
        #expect(later.state.latestObserved == .noon + .seconds(8 * 60))
    }

    @Test func `remembers of readings that may be dated anew what may come to be the latest, for a week`() throws {
        var device = Spec.given(Self.registered)
        // A clock that stands still is never known, and each reading stands for those before.
        for minute in Int64(0)..<300 {
            let arrival = Timestamp.noon + .seconds(minute * 60)
            let reading = Telemetry(
                metrics: ["level": .number(Double(minute))], seq: nil, clock: .device, arrival: arrival)
            let time = Timestamp(microseconds: 0)
            for fact in try device.when(.recordTelemetry(reading), at: time).result.get() {
                device = device.and(fact, at: time)
            }
        }
        let kept = try #require(device.state.unsettled)
        #expect(kept.approximateHeapBytes < 2_000)
        let later = device.and(
            .telemetryRecorded(TelemetryRecorded(metrics: ["level": .number(-1)], clock: .server)),
            at: .noon + .seconds(8 * 86_400))
        #expect(later.state.unsettled == nil)
    }

    @Test func `has no more readings dated anew than one event may hold, and none of long ago`() throws {
        var device = Spec.given(Self.registered)
        try empty(10, ahead: Self.neverSet, at: .noon - .seconds(8 * 86_400), &device)
        try empty(400, ahead: Self.neverSet, &device)
        let redated = try #require(redatings(try report(0..<9, ahead: Self.neverSet, &device)).first)
        #expect(redated.readings.count == ProvisionalReadings.most)
        #expect(redated.readings.allSatisfy { $0.arrival >= .noon })
    }

    @Test func `has nothing dated anew that was measured for another account`() throws {
        var device = Spec.given(Self.registered)
        try empty(5, ahead: Self.neverSet, &device)
        device = device.and(.assigned(DeviceAssigned(account: AccountID("north"))), at: .noon)
        let redated = try #require(redatings(try report(0..<9, ahead: Self.neverSet, &device)).first)
        #expect(redated.readings.allSatisfy { redated.time(of: $0) >= .noon })
    }

    @Test func `has nothing dated anew that its clock cannot have dated`() throws {
        var device = Spec.given(Self.registered)
        // Set before anything was known of it, so that nothing tells when the buffer was filled.
        try empty(5, ahead: Self.neverSet, &device)
        #expect(redatings(try report(0..<9, ahead: .zero, &device)).isEmpty)
        #expect(
            redatings(try report(10..<30, ahead: .seconds(7_200), &device)).allSatisfy { redated in
                redated.readings.allSatisfy { redated.time(of: $0) > .noon }
            })
    }

    @Test func `is said to have one once, and to have none any more once`() throws {
        var device = Spec.given(Self.registered)
        let wrong = try report(0..<20, ahead: .seconds(-300), &device)
        #expect(
            clockEvents(wrong) == [
                .clockDrifted(ClockDrifted(offset: -300_000_000, confidence: 1_000_000, since: .noon))
            ])
        #expect(device.state.clock.drift == -300_000_000)
        let right = clockEvents(try report(20..<40, ahead: .zero, &device))
        #expect(right.count == 1)
        guard case .clockRecovered? = right.first else {
            Issue.record("\(right)")
            return
        }
        #expect(device.state.clock.drift == nil)
    }

    @Test func `is told again only when it is off by another amount`() throws {
        var device = Spec.given(Self.registered)
        #expect(clockEvents(try report(0..<10, ahead: .seconds(300), &device)).count == 1)
        #expect(clockEvents(try report(10..<20, ahead: .seconds(330), &device)).isEmpty)
        #expect(clockEvents(try report(20..<30, ahead: .seconds(900), &device)).count == 1)
    }

    @Test func `is left alone below the limit of the settings`() throws {
        var device = Spec.given(Self.registered)
        #expect(clockEvents(try report(0..<20, ahead: .seconds(300), limit: 600, &device)).isEmpty)
        #expect(device.state.readings["temperature"]?.time == .noon + .seconds(19 * 60 + 300))
    }

    @Test(arguments: [Duration.seconds(7_200), .seconds(-1_795_000_000), .seconds(500_000_000)])
    func `has its readings dated as they were made`(_ ahead: Duration) throws {
        var device = Spec.given(Self.registered)
        let events = try report(0..<10, ahead: ahead, &device)
        // From the first one on: what cannot be is dated by its arrival until the clock is known.
        let latest = try #require(device.state.readings["temperature"])
        #expect(latest.value == .number(9))
        #expect(abs((latest.time - (.noon + .seconds(9 * 60))).components.seconds) <= 1)
        #expect(device.state.latestObserved == latest.time)
        let facts = events.compactMap { if case .telemetryRecorded(let fact) = $0 { fact } else { nil } }
        #expect(facts.allSatisfy { $0.flags?.time == (ahead > .zero ? .future : .unset) && $0.offset != nil })
    }

    @Test func `keeps the times of what it had measured before its clock was lost`() throws {
        var device = Spec.given(Self.registered)
        _ = try report(0..<10, ahead: .seconds(-1_795_000_000), &device)
        // Sent late, but by a clock that was right.
        let arrival = Timestamp.noon + .seconds(600)
        let late = Telemetry(metrics: ["humidity": .number(1)], seq: nil, clock: .device, arrival: arrival)
        let time = Timestamp.noon - .seconds(86_400)
        for fact in try device.when(.recordTelemetry(late), at: time).result.get() {
            device = device.and(fact, at: time)
        }
        #expect(device.state.readings["humidity"]?.time == time)
        #expect(device.state.clock.drift != nil)
    }

    @Test func `loses no reading when it counts anew with a clock that was never set`() throws {
        var device = Spec.given(Self.registered)
        func send(_ seq: Int64, at time: Timestamp, arrival: Timestamp) throws -> Int {
            let reading = Telemetry(metrics: ["a": .number(1)], seq: seq, clock: .device, arrival: arrival)
            let facts = try device.when(.recordTelemetry(reading), at: time).result.get()
            for fact in facts { device = device.and(fact, at: time) }
            return facts.count
        }
        #expect(try send(1, at: .noon, arrival: .noon) == 1)
        #expect(try send(1, at: .noon, arrival: .noon + .seconds(9)) == 0)
        #expect(try send(1, at: Timestamp(microseconds: 5), arrival: .noon + .seconds(90)) == 1)
    }

    @Test func `is the same from a snapshot and what came after it`() throws {
        var device = Spec.given(Self.registered)
        _ = try report(0..<3, ahead: .seconds(300), &device)
        var restored = Spec(
            state: try JSONDecoder().decode(Device.State.self, from: JSONEncoder().encode(device.state)))
        #expect(restored.state == device.state)
        let (first, second) = (
            try report(3..<30, ahead: .seconds(300), &device), try report(3..<30, ahead: .seconds(300), &restored)
        )
        #expect(first == second && restored.state == device.state)
    }
}
