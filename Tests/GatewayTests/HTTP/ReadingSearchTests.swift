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
        var isInOrder = true

        func device() -> MeasuredDevice {
            MeasuredDevice(
                account: .default, defined: [:], reported: ["n"], version: version, isInOrder: isInOrder, isPast: false)
        }
    }

    /// Readings that come so many seconds after one another, by a clock that is ahead by so many; some of them late.
    private func record(
        _ count: Int, every seconds: ClosedRange<Int64>, ahead: Int64 = 0, late: Bool = false,
        _ random: inout SeededNumbers
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
            let fact = TelemetryRecorded(metrics: ["n": .number(Double(number))], clock: .device)
            let isReading = Int.random(in: 0..<5, using: &random) > 0
            let data = try Device.codec.encode(.telemetryRecorded(fact)).data
            let event = NewEvent(
                id: .v7(), type: isReading ? "TelemetryRecorded" : "Other", class: .telemetry, observedTime: time,
                data: data, metadata: EventMetadata(principal: .device("d"), account: .default, commandID: .v7()))
            _ = try await recorded.store.append(
                Append([StreamChange(Self.stream, expecting: recorded.version, events: [event])]))
            recorded.version += 1
            guard isReading else { continue }
            if let last = recorded.readings.map(\.time).max(), time < last { recorded.isInOrder = false }
            recorded.readings.append((time, recorded.version))
        }
        _ = recorded.store.takeNotes()
        return recorded
    }

    private func found(
        from: Timestamp, to: Timestamp, limit: Int, in recorded: Recorded
    ) async throws -> [Int64] {
        let search = ReadingSearch(
            question: MetricQuestion(metric: "n", device: "d", from: from, to: to, resolution: .raw, limit: limit),
            device: recorded.device(), units: [:], scope: .all, store: recorded.store,
            search: FoldedLogSearch(store: recorded.store))
        var (positions, next): ([Int64], Int64?) = ([], 0)
        while let after = next {
            let answer = try await search.answer(after: after)
            #expect(answer.items.count <= limit)
            positions += answer.items.map(\.position)
            next = try answer.next.map { try #require(Int64($0)) }
        }
        return positions
    }

    @Test(arguments: 0..<60) func `finds those of the range, page by page, whatever the order and the clock`(
        seed: Int
    ) async throws {
        var random = SeededNumbers(UInt64(seed))
        let longest = [2, 600, 40_000][seed % 3]
        let recorded = try await record(
            [0, 1, 7, 150, 700][seed % 5], every: 0...Int64(longest),
            ahead: [0, 20, 7_200, 86_000, -50_000][seed / 3 % 5],
            late: seed.isMultiple(of: 2), &random)
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
        #expect(read == ["readStream from \(200_000 / 60 - 2 + 1), limit 64: 64"])
    }
}
