import Runtime
import Support
import Testing

/// What every search of the log must do; run over the fold of the log in memory and over Postgres.
struct LogSearchContract {
    let store: any EventStore
    let search: any LogSearch

    static let clauses: [(String, @Sendable (LogSearchContract) async throws -> Void)] = [
        ("streams are found by category, account and text, page by page", { try await $0.findsStreams() }),
        ("an event is found by its id, and what it led to", { try await $0.findsEvents() }),
        ("what people did is found, the newest first", { try await $0.findsActs() }),
        ("an instant is a position", { try await $0.findsPositions() }),
        ("a stream is read on from a position", { try await $0.findsPlaces() }),
        ("the log is read by who asked and by what it follows from", { try await $0.readsByPrincipal() }),
    ]

    @discardableResult
    private func append(
        _ stream: String, version: Int64 = 0, by principal: Principal = .system, account: AccountID = .default,
        data: String = "{}", because cause: UUID128? = nil, following correlation: UUID128? = nil
    ) async throws -> UUID128 {
        let event = NewEvent(
            id: .v7(), type: "Happened", observedTime: .now(), data: Array(data.utf8),
            metadata: EventMetadata(
                principal: principal, account: account, commandID: .v7(), causationID: cause,
                correlationID: correlation))
        let name = try #require(StreamName(stream))
        let outcome = try await store.append(Append([StreamChange(name, expecting: version, events: [event])]))
        #expect(!outcome.isConflict)
        return event.id
    }

    private func names(_ filter: StreamFilter, limit: Int) async throws -> [String] {
        var (names, next): ([String], String?) = ([], nil)
        repeat {
            let page = try await search.streams(filter, after: next, limit: limit)
            #expect(page.first.count <= limit)
            names += page.first.map(\.stream.description)
            next = page.next
        } while next != nil
        return names
    }

    func findsStreams() async throws {
        for number in 1...5 {
            try await append(
                "lamp-\(number)", data: #"{"name":"Lamp of \#(number.isMultiple(of: 2) ? "Ada" : "Bob")"}"#)
            try await append("lamp-\(number)", version: 1)
        }
        try await append("lampion-1", account: AccountID("other"))
        try await append("zeta-1", data: #"{"name":"lamp post"}"#)
        let lamps = (1...5).map { "lamp-\($0)" }
        for limit in [1, 2, 5, 100] {
            #expect(try await names(StreamFilter(category: "lamp", scope: .all), limit: limit) == lamps)
            #expect(try await names(StreamFilter(scope: .all), limit: limit) == lamps + ["lampion-1", "zeta-1"])
            #expect(
                try await names(StreamFilter(scope: .only(AccountID("other"))), limit: limit) == ["lampion-1"])
            #expect(
                try await names(StreamFilter(scope: .all, text: "of ADA"), limit: limit) == ["lamp-2", "lamp-4"])
        }
        #expect(try await names(StreamFilter(category: "none", scope: .all), limit: 10).isEmpty)
        let lamp = StreamName(category: "lamp", id: "3")
        #expect(try await search.newestEvent(of: lamp)?.version == 2)
        #expect(try await search.newestEvent(of: StreamName(category: "lamp", id: "9")) == nil)
    }

    func findsEvents() async throws {
        let origin = try await append("cause-1")
        let effects = [
            try await append("effect-1", because: origin), try await append("effect-2", because: origin),
        ]
        try await append("effect-3", because: effects[0])
        #expect(try await search.event(origin)?.stream.description == "cause-1")
        #expect(try await search.event(.v7()) == nil)
        #expect(try await search.effects(of: [origin], limit: 10).map(\.id) == effects)
        #expect(try await search.effects(of: [origin], limit: 1).map(\.id) == [effects[0]])
        #expect(try await search.effects(of: [origin, effects[0]], limit: 10).count == 3)
        #expect(try await search.effects(of: [], limit: 10).isEmpty)
    }

    func findsActs() async throws {
        try await append("act-1", by: .user("ada"))
        try await append("act-2", by: .device("d1"))
        try await append("act-3", by: .user("bob"), account: AccountID("other"))
        try await append("act-4", by: .user("ada"))
        func acts(_ filter: ActFilter, before position: Int64? = nil, limit: Int = 10) async throws -> [String] {
            try await search.acts(filter, before: position, limit: limit).map(\.stream.id)
        }
        #expect(try await acts(ActFilter(scope: .all)) == ["4", "3", "1"])
        #expect(try await acts(ActFilter(scope: .all), limit: 1) == ["4"])
        #expect(try await acts(ActFilter(scope: .all), before: 3) == ["1"])
        #expect(try await acts(ActFilter(scope: .only(AccountID("other")))) == ["3"])
        #expect(try await acts(ActFilter(scope: .all, principal: .user("ada"))) == ["4", "1"])
    }

    func findsPositions() async throws {
        #expect(try await search.position(at: .now()) == 0)
        // What was known of an instant holds when the log has gone on.
        let future = Timestamp.now() + .seconds(3_600)
        for round in 0..<3 {
            for number in 1...9 { try await append("instant-\(round * 9 + number)") }
            try await findsPositionsOfAll()
            #expect(try await search.position(at: future, within: .seconds(60)) == Int64(9 * (round + 1)))
        }
        #expect(try await search.position(at: Timestamp(microseconds: 0)) == 0)
        #expect(try await search.position(at: .now() + .seconds(3_600)) == 27)
    }

    private func findsPositionsOfAll() async throws {
        let events = try await store.readLog(after: 0, where: .everything, limit: 100).events
        for event in events {
            // Several may have been recorded in one instant.
            let last = events.last { $0.recordedTime <= event.recordedTime }?.position
            #expect(try await search.position(at: event.recordedTime) == last)
            let before = Timestamp(microseconds: event.recordedTime.microseconds - 1)
            let last2 = events.last { $0.recordedTime <= before }?.position ?? 0
            #expect(try await search.position(at: before) == last2)
            for slack in [Duration.zero, .milliseconds(2), .seconds(60)] {
                let near = try await search.position(at: event.recordedTime, within: slack)
                #expect(near <= last ?? 0)
                let passed = events.filter { near < $0.position && $0.position <= last ?? 0 }
                #expect(passed.allSatisfy { $0.recordedTime > event.recordedTime - slack })
            }
        }
    }

    func findsPlaces() async throws {
        let streams = ["walk-1", "walk-2"]
        for version in Int64(0)..<20 {
            try await append(streams[0], version: version)
            // Quiet at first.
            if version >= 7 { try await append(streams[1], version: version - 7) }
            try await append("other-1", version: version)
        }
        for stream in try (streams + ["walk-3"]).map({ try #require(StreamName($0)) }) {
            let all = try await store.readStream(stream, from: 1, limit: 100)
            for position in Int64(0)...(try await store.head().position + 1) {
                let place = try await search.place(of: stream, at: position)
                let last = all.last { $0.position <= position }
                #expect(
                    place == StreamPlace(stream, at: last?.version ?? 0, position: last?.position ?? position))
                let rest = try await store.readStream(
                    stream, from: place.version + 1, after: place.position, limit: 100)
                #expect(rest.map(\.position) == all.map(\.position).filter { $0 > position })
            }
        }
    }

    func readsByPrincipal() async throws {
        let request = UUID128.v7()
        try await append("who-1", by: .user("ada"), following: request)
        try await append("who-2", by: .device("d1"), following: request)
        try await append("who-3", by: .device("d1"))
        try await append("who-4", by: .user("bob"))
        func found(_ filter: LogFilter) async throws -> [String] {
            var (ids, after): ([String], Int64) = ([], 0)
            let head = try await store.head().position
            while after < head {
                let page = try await store.readLog(after: after, where: filter, limit: 1)
                ids += page.events.map(\.stream.id)
                after = page.end
            }
            return ids
        }
        #expect(try await found(LogFilter(scope: .all, principal: .user("ada"))) == ["1"])
        #expect(try await found(LogFilter(scope: .all, principal: .device("d1"))) == ["2", "3"])
        #expect(try await found(LogFilter(scope: .all, correlationID: request)) == ["1", "2"])
        #expect(try await found(LogFilter(scope: .all, principal: .system)).isEmpty)
    }
}

@Suite struct `A search of the log` {
    @Test(arguments: LogSearchContract.clauses.map(\.0))
    func `keeps the contract in memory`(_ clause: String) async throws {
        let body = try #require(LogSearchContract.clauses.first { $0.0 == clause }?.1)
        let store = InMemoryEventStore()
        try await body(LogSearchContract(store: store, search: FoldedLogSearch(store: store)))
    }

    @Test(arguments: LogSearchContract.clauses.map(\.0))
    func `keeps the contract in Postgres`(_ clause: String) async throws {
        let body = try #require(LogSearchContract.clauses.first { $0.0 == clause }?.1)
        try await PostgresLog.with { log in
            // So small that the answers lie in several of them.
            try await log.usePartitions(of: 1_000)
            try await body(LogSearchContract(store: log.store, search: PostgresLogSearch(pool: log.pool)))
        }
    }

    @Test func `finds the position of an instant where events have left the log`() async throws {
        try await PostgresLog.with { log in
            for number in 1...6 {
                let stream = StreamName(category: "gone", id: "\(number)")
                _ = try await log.store.append(Append([StreamChange(stream, expecting: 0, events: [.sample()])]))
            }
            let events = try await log.store.readLog(after: 0, where: .everything, limit: 10).events
            try await log.asSuperuser(
                """
                set session_replication_role = replica; alter table events disable trigger events_append_only;
                delete from events where position in (1, 3, 4, 5)
                """)
            let search = PostgresLogSearch(pool: log.pool)
            #expect(try await search.position(at: events[5].recordedTime) == 6)
            let between = try await search.position(
                at: Timestamp(microseconds: events[5].recordedTime.microseconds - 1))
            #expect((2...5).contains(between), "what left lies on one side or the other: \(between)")
        }
    }
}
