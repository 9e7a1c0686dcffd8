import Testing

@testable import Runtime

@Suite struct `What is known of streams without asking` {
    private let device = StreamName(category: "device", id: "1")
    private let lease = StreamName(category: "ingest", id: "lease")
    private var known = KnownVersions()

    private func append(at version: Int64, conditions: [StreamVersion] = []) -> Append {
        Append([StreamChange(device, expecting: version, events: .samples(1))], conditions: conditions)
    }

    private func receipt(_ position: Int64) -> AppendOutcome {
        .accepted(
            AppendReceipt(firstPosition: position, eventCount: 1, recordedTime: Timestamp(microseconds: 0)))
    }

    /// One batch with one append, from encoding to answer.
    @discardableResult
    private mutating func store(_ append: Append, from head: Int64) -> Bool {
        let mark = known.beginBatch()
        let wasKnown = known.claim(device, at: append.changes[0].expectedVersion, for: mark)
        known.learn([append], [receipt(head + 1)], of: mark, found: head, left: head + 1)
        return wasKnown
    }

    @Test mutating func `is where an accepted append has left them`() {
        let wasKnown = store(append(at: 0), from: 10)
        #expect(!wasKnown)
        let wasKnownThen = store(append(at: 1), from: 11)
        #expect(!wasKnownThen, "the first batch found a head that nobody expected")
        let mark = known.beginBatch()
        #expect(known.expectedHead(for: mark) == 12)
        let isKnown = known.claim(device, at: 2, for: mark)
        #expect(isKnown)
    }

    @Test mutating func `is nothing of a stream that a batch is about to change`() {
        store(append(at: 0), from: 0)
        store(append(at: 1), from: 1)
        let first = known.beginBatch()
        let isKnown = known.claim(device, at: 2, for: first)
        #expect(isKnown)
        let second = known.beginBatch()
        let isKnownToSecond = known.claim(device, at: 2, for: second)
        #expect(!isKnownToSecond)
        known.learn([append(at: 2)], [receipt(3)], of: first, found: 2, left: 3)
        let third = known.beginBatch()
        let isKnownToThird = known.claim(device, at: 3, for: third)
        #expect(!isKnownToThird, "the second batch may still change it")
    }

    @Test mutating func `is nothing of another version`() {
        store(append(at: 0), from: 0)
        store(append(at: 1), from: 1)
        #expect(!known.holds(StreamVersion(device, at: 1)))
        #expect(known.holds(StreamVersion(device, at: 2)))
    }

    @Test mutating func `is nothing after a conflict`() {
        store(append(at: 0), from: 0)
        store(append(at: 1), from: 1)
        let mark = known.beginBatch()
        _ = known.claim(device, at: 7, for: mark)
        known.learn(
            [append(at: 7)], [.conflict([StreamVersion(device, at: 2)])], of: mark, found: 2, left: 2)
        #expect(!known.holds(StreamVersion(device, at: 2)))
        #expect(!known.holds(StreamVersion(device, at: 8)))
    }

    @Test mutating func `is forgotten when somebody else has moved the head`() {
        store(append(at: 0), from: 0)
        store(append(at: 1), from: 1)
        let encodedBefore = known.beginBatch()
        let isKnown = known.claim(device, at: 2, for: encodedBefore)
        #expect(isKnown)
        let other = known.beginBatch()
        known.learn([], [], of: other, found: 5, left: 5)
        #expect(known.expectedHead(for: encodedBefore) == nil)
        #expect(!known.holds(StreamVersion(device, at: 2)))
    }

    @Test mutating func `includes a condition that held`() {
        let condition = StreamVersion(lease, at: 4)
        store(append(at: 0), from: 0)
        store(append(at: 1, conditions: [condition]), from: 1)
        #expect(known.holds(condition))
        #expect(!known.holds(StreamVersion(lease, at: 3)))
    }

    @Test mutating func `fades from the streams that were not used for longest`() {
        known = KnownVersions(capacity: 4)
        store(append(at: 0), from: 0)
        store(append(at: 1), from: 1)
        #expect(known.holds(StreamVersion(device, at: 2)))
        for number in 0..<8 {
            let mark = known.beginBatch()
            _ = known.claim(StreamName(category: "device", id: "other\(number)"), at: 0, for: mark)
        }
        #expect(!known.holds(StreamVersion(device, at: 2)))
    }
}
