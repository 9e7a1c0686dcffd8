import Logging
import Support
import Testing

@testable import Runtime

#if !SANITIZE_THREAD
    import Synchronization
#endif

/// What a feed must do over any store.
struct LogFeedContract {
    let store: any EventStore

    static let clauses: [(String, @Sendable (LogFeedContract) async throws -> Void)] = [
        ("subscribers of any pace get every event once and in order", { try await $0.anyPace() }),
        ("an event is decoded once for all", { try await $0.decodesOnce() }),
        ("a slow subscriber holds nobody up, and loses nothing", { try await $0.slowSubscriber() }),
        ("what cannot be decoded fails where it is wanted", { try await $0.undecodable() }),
    ]

    private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func withFeed(
        keeping events: Int = 200, decoding decoders: [String: LogFeed.Decoder] = [:],
        _ body: @Sendable (LogFeed) async throws -> Void
    ) async throws {
        let feed = LogFeed(
            of: store, decoding: decoders, limits: .init(events: events), pageSize: 40, logger: Self.logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await feed.run() }
            defer { group.cancelAll() }
            try await eventually("the feed has begun") { feed.keptAfter != nil }
            try await body(feed)
        }
    }

    private func append(_ count: Int, to category: String = "fed", account: AccountID = .default) async throws {
        let events = (0..<count).map { _ in NewEvent.sample(account: account) }
        _ = try await store.append(Append([StreamChange(.fresh(category), expecting: 0, events: events)]))
    }

    /// Reads from a place up to the end, resting now and then.
    private func follow(
        _ feed: LogFeed, from start: Int64, to end: Int64, where filter: LogFilter, pageSize: Int, rests: Int
    ) async throws -> [RecordedEvent] {
        let subscription = Subscription(to: feed, where: filter, pageSize: pageSize)
        var (events, position) = ([RecordedEvent](), start)
        while position < end {
            let page = try await subscription.page(after: position)
            #expect(page.events.count <= pageSize)
            events += page.events
            position = page.end
            for _ in 0..<rests { await Task.yield() }
        }
        return events
    }

    func anyPace() async throws {
        try await append(100)
        let start = try await store.head().position
        try await withFeed { feed in
            let total: Int64 = 3_000
            let end = start + total
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    var left = Int(total)
                    while left > 0 {
                        let count = min(left, Int.random(in: 1...60))
                        try await append(
                            count, to: Bool.random() ? "fed" : "other", account: AccountID(left % 3 == 0 ? "a" : "b"))
                        left -= count
                    }
                }
                for number in 0..<8 {
                    let filter = [
                        LogFilter.everything, LogFilter(category: "fed", scope: .all),
                        LogFilter(scope: .only(AccountID("a"))),
                    ][number % 3]
                    let from = number % 2 == 0 ? start : Int64.random(in: 0...start)
                    let (pageSize, rests) = (Int.random(in: 1...300), number < 4 ? 0 : Int.random(in: 0...2_000))
                    group.addTask {
                        let seen = try await follow(
                            feed, from: from, to: end, where: filter, pageSize: pageSize, rests: rests)
                        let all = try await store.readLog(after: from, where: filter, limit: 10_000).events
                        #expect(seen.filter { $0.position <= end } == all.filter { $0.position <= end })
                        #expect(seen.map(\.position) == Array(Set(seen.map(\.position))).sorted())
                    }
                }
                try await group.waitForAll()
            }
            #expect(feed.keptEvents <= 240)
        }
    }

    func decodesOnce() async throws {
        let decoded = Mutex<[Int64: Int]>([:])
        let decoder: LogFeed.Decoder = { event in
            decoded.withLock { $0[event.position, default: 0] += 1 }
            return event.position
        }
        let start = try await store.head().position
        try await withFeed(keeping: 1_000, decoding: ["fed": decoder]) { feed in
            for _ in 0..<10 { try await append(20) }
            try await append(20, to: "other")
            let end = start + 220
            await feed.signal.wait(past: end - 1, atMost: .seconds(60))
            for _ in 0..<3 {
                let events = try await follow(feed, from: start, to: end, where: .everything, pageSize: 70, rests: 0)
                #expect(events.count == 220)
                for event in events {
                    #expect(event.decoded.value as? Int64 == (event.stream.category == "fed" ? event.position : nil))
                }
            }
            #expect(
                decoded.withLock { $0 } == Dictionary(uniqueKeysWithValues: (start + 1...start + 200).map { ($0, 1) }))
        }
    }

    func slowSubscriber() async throws {
        let start = try await store.head().position
        try await withFeed(keeping: 100) { feed in
            try await append(10)
            let slow = Subscription(to: feed, where: .everything, pageSize: 10)
            let first = try await slow.page(after: start)
            for _ in 0..<50 { try await append(20) }
            let end = start + 1_010
            // The others get to the head while it stands still, and no more is kept for it than for anybody.
            let seen = try await follow(feed, from: start + 10, to: end, where: .everything, pageSize: 30, rests: 0)
            #expect(seen.count == 1_000)
            #expect(feed.keptEvents <= 140)
            #expect(try #require(feed.keptAfter) > first.end)
            let rest = try await follow(feed, from: first.end, to: end, where: .everything, pageSize: 30, rests: 0)
            #expect((first.events + rest).map(\.position) == Array(start + 1...end))
        }
    }

    func undecodable() async throws {
        let codec = EventCodec<[String: Int]>([.init("Sampled", wrap: { $0 }, unwrap: { $0 })])
        let start = try await store.head().position
        try await withFeed(decoding: ["fed": { event throws(EventCodecError) in try codec.decode(event) }]) { feed in
            let good = NewEvent.sample()
            let bad = NewEvent.sample(data: Array("[]".utf8))
            _ = try await store.append(Append([StreamChange(.fresh("fed"), expecting: 0, events: [good, bad])]))
            let events = try await follow(feed, from: start, to: start + 2, where: .everything, pageSize: 10, rests: 0)
            #expect(try codec.decode(events[0]) == ["value": 1])
            #expect(throws: EventCodecError.self) { try codec.decode(events[1]) }
        }
    }
}

@Suite struct `A feed of the log` {
    @Test(arguments: LogFeedContract.clauses.map(\.0))
    func `keeps the contract in memory`(_ clause: String) async throws {
        let body = try #require(LogFeedContract.clauses.first { $0.0 == clause }?.1)
        try await body(LogFeedContract(store: InMemoryEventStore()))
    }

    @Test(arguments: LogFeedContract.clauses.map(\.0))
    func `keeps the contract over Postgres`(_ clause: String) async throws {
        let body = try #require(LogFeedContract.clauses.first { $0.0 == clause }?.1)
        try await PostgresLog.with { log in try await body(LogFeedContract(store: log.store)) }
    }

    @Test func `gives a codec what was decoded, and decodes anew what was changed since`() throws {
        let codec = EventCodec<Int>([.init("Sampled", wrap: { $0 }, unwrap: { $0 })])
        var event = RecordedEvent(
            position: 1, stream: .fresh("fed"), version: 1, recordedTime: Timestamp(microseconds: 0),
            event: .sample(data: Array("1".utf8)))
        event.decoded = DecodedPayload(7)
        #expect(try codec.decode(event) == 7)
        event.data = Array("2".utf8)
        #expect(try codec.decode(event) == 2)
    }
}
