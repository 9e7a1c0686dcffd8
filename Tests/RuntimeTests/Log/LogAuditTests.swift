import Runtime
import Testing

@Suite struct `An audit of the log` {
    /// A log with something wrong in it, which no real store would give.
    final class Tampered: EventStore {
        let events: [RecordedEvent]
        let claimedHead: Int64
        let signal = LogSignal()

        init(_ events: [RecordedEvent], head: Int64? = nil) {
            self.events = events
            claimedHead = head ?? events.last?.position ?? 0
        }

        func append(_ append: Append) async throws(EventStoreError) -> AppendOutcome { throw .closed }

        func readStream(_ stream: StreamName, from version: Int64, limit: Int) async throws(EventStoreError)
            -> [RecordedEvent]
        {
            Array(events.filter { $0.stream == stream && $0.version >= version }.prefix(limit))
        }

        func readLog(after position: Int64, where filter: LogFilter, limit: Int) async throws(EventStoreError)
            -> LogPage
        {
            let page = Array(events.filter { $0.position > position }.prefix(limit))
            return LogPage(events: page, end: page.last?.position ?? position)
        }

        func head() async throws(EventStoreError) -> LogHead {
            LogHead(position: claimedHead, recordedTime: Timestamp(microseconds: 0))
        }
    }

    func log() async throws -> [RecordedEvent] {
        let store = InMemoryEventStore()
        let directory = Directory<Tally>(store: store, snapshots: InMemorySnapshotStore())
        for index in 0..<10 { try await directory.send(.add(1), to: index.isMultiple(of: 2) ? "even" : "odd") }
        return try await store.readLog(after: 0, where: .everything, limit: 100).events
    }

    func findings(_ store: Tampered, snapshots: InMemorySnapshotStore = .init()) async throws -> [LogAudit.Finding] {
        try await LogAudit(of: store, snapshots: snapshots, subjects: [.init(Tally.self)]).run { _, _ in }.findings
    }

    @Test func `finds nothing in a log as it was stored`() async throws {
        #expect(try await findings(Tampered(log())).isEmpty)
    }

    @Test func `finds an event that was taken out`() async throws {
        var events = try await log()
        events.remove(at: 4)
        let found = try await findings(Tampered(events))
        #expect(found.contains(.gap(expected: 5, found: 6)))
        #expect(found.contains { if case .versionGap = $0 { true } else { false } })
    }

    @Test func `finds that the tail was cut off`() async throws {
        let events = try await log().dropLast(2)
        #expect(try await findings(Tampered(Array(events), head: 10)) == [.headDiffers(head: 10, last: 8)])
    }

    @Test func `finds an event that cannot be read and a time that turns back`() async throws {
        var events = try await log()
        events[3].data = Array("{}".utf8)
        events[6].recordedTime = Timestamp(microseconds: 5)
        let found = try await findings(Tampered(events))
        #expect(found.contains { if case .unreadable(4, _) = $0 { true } else { false } })
        #expect(found.contains(.timeTurnedBack(position: 7)))
    }

    @Test func `finds a snapshot that is not what its events lead to`() async throws {
        let events = try await log()
        let stream = StreamName(category: "tally", id: "even")
        var memory = AggregateMemory<Tally>()
        for event in events where event.stream == stream { try memory.fold(event) }
        let good = InMemorySnapshotStore()
        let right = memory
        good.offer(stream, version: memory.version) { try right.snapshot(of: stream) }
        #expect(try await findings(Tampered(events), snapshots: good).isEmpty)
        memory.state.sum += 1
        let wrong = memory
        let bad = InMemorySnapshotStore()
        bad.offer(stream, version: memory.version) { try wrong.snapshot(of: stream) }
        #expect(try await findings(Tampered(events), snapshots: bad) == [.snapshotDiffers(stream: stream, version: 5)])
    }
}
