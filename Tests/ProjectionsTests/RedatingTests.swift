import Aggregates
import Foundation
import Projections
import Runtime
import Testing

@Suite struct `Readings that are dated anew` {
    private struct Message: Sendable {
        var made: Timestamp
        var arrival: Timestamp
        var value: Double
    }

    /// What the log gets from a device whose clock is so far ahead.
    private func events(of messages: [Message], ahead: Duration) async throws -> [RecordedEvent] {
        let store = InMemoryEventStore()
        let devices = Directory<Device>(store: store, snapshots: InMemorySnapshotStore())
        func send(_ command: Device.Command, at time: Timestamp) async throws {
            let context = CommandContext(time: time, principal: .system, scope: .all)
            _ = try await devices.send(CommandEnvelope(id: .v7(), command, context: context), to: "a")
        }
        let account = AccountStanding(id: .default, isActive: true)
        try await send(
            .register(
                Registration(serial: "a", type: DeviceType("water"), name: "", labels: [:], account: account)),
            at: noon)
        for message in messages.sorted(by: { $0.arrival < $1.arrival }) {
            var metrics: [String: MetricValue] = [
                "level": .number(message.value), "wet": .flag(message.value > 0),
            ]
            // What only the buffer tells of.
            if message.made < noon { metrics["note"] = .text("\(message.value)") }
            let reading = Telemetry(metrics: metrics, seq: nil, clock: .device, arrival: message.arrival)
            try await send(.recordTelemetry(reading), at: message.made + ahead)
        }
        return try await store.readLog(after: 0, where: .everything, limit: 10_000).events
    }

    private func folded(_ events: [RecordedEvent]) throws -> ViewRows<TelemetryHour> {
        var rows = ViewRows<TelemetryHour>()
        for event in events { try TelemetryProjection.evolve(&rows, with: event) }
        return rows
    }

    /// What hours and minutes come to, by their ids.
    private func windows(of rows: ViewRows<TelemetryHour>) -> [String: WindowSummary] {
        var windows: [String: WindowSummary] = [:]
        for row in rows.changed {
            windows[TelemetryProjection.id(of: row)] = row.summary
            for (start, summary) in row.windows {
                windows["\(row.device)/\(row.account)/60/\(start.microseconds / 1_000_000)/\(row.metric)"] = summary
            }
        }
        return windows
    }

    /// Live readings, one a minute from noon on, and those of a buffer that come between them.
    private func messages(oldest: Int64, _ random: inout Random) -> [Message] {
        func value() -> Double { Double.random(in: -50...50, using: &random) }
        let minutes = Int64.random(in: 6..<12, using: &random)
        let live = (0..<minutes).map { minute in
            Message(made: noon + .seconds(minute * 60), arrival: noon + .seconds(minute * 60), value: value())
        }
        let late = (0..<Int.random(in: 0..<120, using: &random)).map { _ in
            Message(
                made: noon - .seconds(Int64.random(in: 120..<oldest, using: &random)),
                arrival: noon + .milliseconds(Int64.random(in: -50_000..<(minutes * 60_000), using: &random)),
                value: value())
        }
        return live + late
    }

    /// Messages of a device whose clock was never set, or is in the future by as much as they are late, and more.
    private func messagesAhead(_ random: inout Random) -> (messages: [Message], ahead: Int64) {
        let ahead =
            Bool.random(using: &random)
            ? -Int64.random(in: 300_000_000..<1_800_000_000, using: &random)
            : Int64.random(in: 3_600..<100_000_000, using: &random)
        return (messages(oldest: ahead < 0 ? 20_000 : min(20_000, ahead - 1_200), &random), ahead)
    }

    @Test(arguments: 0..<40)
    func `are in the end where a right clock would have put them, whatever the order in which they came`(
        _ seed: UInt64
    ) async throws {
        var random = Random(state: seed &* 0x9E37_79B9_7F4A_7C15 &+ 1)
        let (messages, ahead) = messagesAhead(&random)
        let log = try await events(of: messages, ahead: .seconds(ahead))
        let right = try folded(try await events(of: messages, ahead: .zero))
        let rows = try folded(log)
        #expect(Set(rows.changed) == Set(right.changed))

        // Seen once more, it changes nothing: nothing is provisional any more.
        var again = rows
        let redatings = log.filter { $0.type == "ReadingsRedated" }
        #expect(redatings.count == 1)
        for event in redatings { try TelemetryProjection.evolve(&again, with: event) }
        #expect(Set(again.changed) == Set(rows.changed))
        // And all that it changes is named beforehand.
        let ids = Set(try redatings.flatMap { try TelemetryProjection.ids(of: $0) })
        let before = try folded(log.filter { $0.type != "ReadingsRedated" })
        let differing = Set(before.changed).symmetricDifference(Set(rows.changed)).map {
            TelemetryProjection.id(of: $0)
        }
        #expect(ids.isSuperset(of: differing))
    }

    @Test(arguments: 0..<40)
    func `leave as the latest of their device what was made last, and not what came last`(_ seed: UInt64) async throws {
        var random = Random(state: seed &* 0x9E37_79B9_7F4A_7C15 &+ 2)
        let (messages, ahead) = messagesAhead(&random)
        func row(ahead: Duration) async throws -> DeviceRow {
            var row: DeviceRow?
            let events = try await events(of: messages, ahead: ahead)
            for event in events { try DevicesProjection.evolve(&row, with: event) }
            return try #require(row)
        }
        let (wrong, right) = (try await row(ahead: .seconds(ahead)), try await row(ahead: .zero))
        #expect(wrong.readings == right.readings && wrong.lastObservedTime == right.lastObservedTime)
        #expect(wrong.unsettled == nil)
    }

    @Test(arguments: 0..<10) func `count the windows that were there and change as recalculated`(
        _ seed: UInt64
    ) async throws {
        var random = Random(state: seed &+ 100)
        let log = try await events(of: messages(oldest: 20_000, &random), ahead: .seconds(-1_000_000_000))
        let place = try #require(log.firstIndex { $0.type == "ReadingsRedated" })
        let (before, after) = (try folded(Array(log[..<place])), try folded(Array(log[...place])))
        let late = try #require(TelemetryProjection.lateness(of: log[place], onto: before))
        let (known, now) = (windows(of: before), windows(of: after))
        let differing = known.filter { now[$0.key] != $0.value }.map(\.key)
        #expect(late.seconds.isEmpty && !late.recalculated.isEmpty)
        #expect(late.recalculated.isSubset(of: known.keys))
        #expect(late.recalculated.isSuperset(of: differing))
    }

    @Test(arguments: 0..<10) func `are kept with their windows as they are until then`(_ seed: UInt64) async throws {
        var random = Random(state: seed &+ 1)
        let messages = messages(oldest: 20_000, &random).map { Message(made: $0.made, arrival: noon, value: $0.value) }
        let rows = try folded(try await events(of: messages, ahead: .seconds(-1_795_000_000)))
        for row in rows.changed {
            let kept = row.provisional
            #expect(kept.count == messages.count && row.minutes.isEmpty)
            #expect(row.summary.count == Int64(messages.count) && row.start == noon)
            #expect(row.windows.map(\.start) == [noon] && row.windows.first?.summary == row.summary)
            #expect(try JSONDecoder().decode([ProvisionalNumber].self, from: JSONEncoder().encode(kept)) == kept)
        }
        #expect(rows.changed.count == 2)
    }
}
