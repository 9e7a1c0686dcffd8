import Aggregates
import Projections
import Runtime
import Support
import Synchronization
import Testing

@testable import Gateway

@Suite struct `A search for readings` {
    private static let stream = StreamName(category: Device.category, id: "d")
    private static let noon = Timestamp(microseconds: 1_795_262_400_000_000)

    /// A device's stream, and when each of its readings was made.
    private struct Recorded {
        let store: CountedStore
        var readings: [(time: Timestamp, version: Int64)] = []
        var version: Int64 = 0
        /// How late one was at most; not known if nil.
        var late: Duration? = .zero
        var ahead = Duration.zero

        func device() -> MeasuredDevice {
            let order = late.map { MeasuredDevice.Order(version: version, late: $0, ahead: ahead) }
            return MeasuredDevice(
                account: .default, defined: [:], reported: ["n"], version: version, order: order, isPast: false)
        }
    }

    /// Readings that come so many seconds after one another, by a clock that is ahead by so many; some of them late.
    private func record(
        _ count: Int, every seconds: ClosedRange<Int64>, ahead: Int64 = 0, late: Bool = false,
        metrics: [String] = ["n"], _ random: inout SeededNumbers
    ) async throws -> Recorded {
        let now = Mutex(Self.noon)
        var recorded = Recorded(store: CountedStore { now.withLock { $0 } })
        for number in 0..<count {
            let arrival = now.withLock { now in
                now = now + .seconds(Int64.random(in: seconds, using: &random))
                return now
            }
            let isLate = late && Int.random(in: 0..<8, using: &random) == 0
            let time = arrival + .seconds(ahead - (isLate ? Int64.random(in: 1...90_000, using: &random) : 0))
            let fact = TelemetryRecorded(
                metrics: Dictionary(uniqueKeysWithValues: metrics.map { ($0, MetricValue.number(Double(number))) }),
                clock: .device)
            let isReading = Int.random(in: 0..<5, using: &random) > 0
            let data = try Device.codec.encode(.telemetryRecorded(fact)).data
            let event = NewEvent(
                id: .v7(), type: isReading ? "TelemetryRecorded" : "Other", class: .telemetry, observedTime: time,
                data: data, metadata: EventMetadata(principal: .device("d"), account: .default, commandID: .v7()))
            _ = try await recorded.store.append(
                Append([StreamChange(Self.stream, expecting: recorded.version, events: [event])]))
            recorded.version += 1
            guard isReading else { continue }
            if let last = recorded.readings.map(\.time).max() {
                recorded.late = recorded.late.map { max($0, last - time) }
            }
            recorded.ahead = max(recorded.ahead, time - arrival)
            recorded.readings.append((time, recorded.version))
        }
        _ = recorded.store.takeNotes()
        return recorded
    }

    private func makeSearch(
        for metric: String = "n", from: Timestamp, to: Timestamp, limit: Int, in recorded: Recorded,
        patience: Duration = .seconds(3_600)
    ) -> ReadingSearch {
        ReadingSearch(
            question: MetricQuestion(metric: metric, device: "d", from: from, to: to, resolution: .raw, limit: limit),
            device: recorded.device(), units: [:], scope: .all, store: recorded.store,
            search: FoldedLogSearch(store: recorded.store), patience: patience)
    }

    /// Page by page.
    private func items(of search: ReadingSearch) async throws -> [ReadingAnswer] {
        var (items, next): ([ReadingAnswer], ReadingCursor?) = ([], ReadingCursor())
        while let after = next {
            let answer = try await search.answer(after: after)
            #expect(answer.items.count <= search.question.limit)
            items += answer.items
            next = try answer.next.map { try ReadingCursor($0) }
        }
        return items
    }

    private func found(
        from: Timestamp, to: Timestamp, limit: Int, in recorded: Recorded
    ) async throws -> [Int64] {
        try await items(of: makeSearch(from: from, to: to, limit: limit, in: recorded)).map(\.position)
    }

    @Test(arguments: 0..<60) func `finds those of the range, page by page, whatever the order and the clock`(
        seed: Int
    ) async throws {
        var random = SeededNumbers(UInt64(seed))
        let longest = [2, 600, 40_000][seed % 3]
        var recorded = try await record(
            [0, 1, 7, 150, 700][seed % 5], every: 0...Int64(longest),
            ahead: [0, 20, 7_200, 86_000, -50_000][seed / 3 % 5],
            late: seed.isMultiple(of: 2), &random)
        if seed % 7 == 0 { recorded.late = nil }
        for _ in 0..<12 {
            let span = Int64(max(1, recorded.version)) * Int64(longest) + 200_000
            let from = Self.noon + .seconds(Int64.random(in: -100_000...span, using: &random))
            let to = from + .seconds(Int64.random(in: 1...span, using: &random))
            let expected = recorded.readings.filter { from <= $0.time && $0.time < to }.map(\.version)
            let limit = Int.random(in: 1...300, using: &random)
            #expect(
                try await found(from: from, to: to, limit: limit, in: recorded) == expected, "\(from), \(to), \(limit)")
        }
    }

    @Test func `reads about what it answers, if the readings are in the order in which they were made`() async throws {
        var random = SeededNumbers(1)
        let recorded = try await record(5_000, every: 60...60, &random)
        let from = Self.noon + .seconds(200_000)
        #expect(try await found(from: from, to: from + .seconds(3_600), limit: 1_000, in: recorded).count > 40)
        let read = recorded.store.takeNotes().filter { $0.hasPrefix("readStream") }
        #expect(read == ["readStream from \(200_000 / 60 + 1), limit 64: 64"])
    }

    @Test func `reads on for as long as a reading was late at most, and not to the end of the stream`() async throws {
        var random = SeededNumbers(2)
        var recorded = try await record(5_000, every: 60...60, &random)
        // Once, an hour late; and once a minute ahead.
        recorded.late = .seconds(3_600)
        recorded.ahead = .seconds(60)
        let from = Self.noon + .seconds(200_000)
        #expect(try await found(from: from, to: from + .seconds(3_600), limit: 1_000, in: recorded).count > 30)
        let read = recorded.store.takeNotes().filter { $0.hasPrefix("readStream") }
        let first = 200_000 / 60
        #expect(read == ["readStream from \(first), limit 64: 64", "readStream from \(first + 64), limit 256: 256"])
    }

    @Test func `goes on while it has found nothing, as far as its patience goes`() async throws {
        var random = SeededNumbers(3)
        var recorded = try await record(19_000, every: 5...5, &random)
        recorded.late = nil
        // A day of a device of which nothing is known: 17,280 events lie before.
        let from = Self.noon + .seconds(90_000)
        let to = from + .seconds(600)
        let expected = recorded.readings.filter { from <= $0.time && $0.time < to }.map(\.version)
        for (patience, isVain) in [(Duration.seconds(3_600), false), (Duration.zero, true)] {
            let search = makeSearch(from: from, to: to, limit: 1_000, in: recorded, patience: patience)
            let first = try await search.answer(after: ReadingCursor())
            #expect(first.items.isEmpty == isVain && first.next != nil)
            let found = try await items(of: search).map(\.position)
            #expect(found == expected)
        }
    }

    @Test(arguments: 1...7) func `gives no more than was asked for, and each item of a reading once`(
        limit: Int
    ) async throws {
        var random = SeededNumbers(UInt64(limit))
        let places = ["latitude", "longitude", "altitude"]
        let recorded = try await record(40, every: 60...60, metrics: places + ["speed"], &random)
        let search = makeSearch(
            for: "location", from: Self.noon, to: Self.noon + .seconds(86_400), limit: limit, in: recorded)
        let answered = try await items(of: search)
        let expected = recorded.readings.flatMap { reading in places.sorted().map { "\($0) \(reading.version)" } }
        #expect(answered.map { "\($0.metric) \($0.position)" } == expected)
    }

    @Test(arguments: ["", "x", "-1", "1.", "1.-1", "1.x", "1.2.3", "9223372036854775807", "9223372036854775808"])
    func `goes on after nothing but what it said`(_ text: String) {
        #expect(throws: Problem.self) { try ReadingCursor(text) }
    }
}
