import Runtime
import Testing

/// What every event store must do; run over the in-memory store and over Postgres.
struct EventStoreContract {
    let store: any EventStore

    static let clauses: [(String, @Sendable (EventStoreContract) async throws -> Void)] = [
        ("positions start at 1 and have no gaps", { try await $0.positionsHaveNoGaps() }),
        ("an append of several streams is stored whole or not at all", { try await $0.severalStreams() }),
        ("a wrong expected version is answered as a conflict", { try await $0.conflict() }),
        ("a condition on an unchanged stream holds or refuses the append", { try await $0.conditions() }),
        ("an append without events rests on its conditions", { try await $0.withoutEvents() }),
        ("acceptances are stored with their append, once for a command and stream", { try await $0.acceptances() }),
        ("a stream is read from a version, in order", { try await $0.readsStream() }),
        ("the log is read by category, type, account and stream", { try await $0.readsLog() }),
        ("a stream is known to the accounts that it ever had", { try await $0.includesAccounts() }),
        ("a page says how far it has seen", { try await $0.pageEnds() }),
        ("a part of the log is streamed whole and in order", { try await $0.streamsLog() }),
        ("everything about an event comes back as it was", { try await $0.roundTrip() }),
        ("recorded time never decreases with position", { try await $0.recordedTime() }),
        ("concurrent appends to one stream are accepted once each version", { try await $0.race() }),
        ("malformed appends are refused with a reason", { try await $0.malformed() }),
        ("an event id cannot be used twice", { try await $0.eventIDs() }),
        ("the signal rises with the log", { try await $0.signalRises() }),
    ]

    func positionsHaveNoGaps() async throws {
        let start = try await store.head().position
        for index in 0..<20 {
            let stream = StreamName.fresh("gap")
            let refused = Append([StreamChange(stream, expecting: 5, events: [.sample()])])
            let accepted = Append([StreamChange(stream, expecting: 0, events: .samples(index % 3 + 1))])
            #expect(try await store.append(refused).isConflict)
            #expect(try await store.append(accepted).receipt != nil)
        }
        let page = try await store.readLog(after: start, where: .everything, limit: 1_000)
        #expect(page.events.map(\.position) == Array(start + 1..<start + 1 + Int64(page.events.count)))
        #expect(try await store.head().position == page.events.last?.position)
    }

    func includesAccounts() async throws {
        let stream = StreamName.fresh("owned")
        let (first, second, other) = (AccountID("first"), AccountID("second"), AccountID("other"))
        for scope in [AccountScope.all, .only(first)] {
            #expect(try await !store.includes(stream, in: scope))
        }
        let events = [NewEvent.sample(account: first), .sample(account: second)]
        _ = try await store.append(Append([StreamChange(stream, expecting: 0, events: events)]))
        for scope in [AccountScope.all, .only(first), .only(second)] {
            #expect(try await store.includes(stream, in: scope))
        }
        #expect(try await !store.includes(stream, in: .only(other)))
    }

    func severalStreams() async throws {
        let (left, right) = (StreamName.fresh("pair"), StreamName.fresh("pair"))
        let both = Append([
            StreamChange(left, expecting: 0, events: .samples(2)),
            StreamChange(right, expecting: 0, events: .samples(1)),
        ])
        let receipt = try #require(try await store.append(both).receipt)
        #expect(receipt.eventCount == 3)
        let half = Append([
            StreamChange(left, expecting: 2, events: .samples(1)),
            StreamChange(right, expecting: 0, events: .samples(1)),
        ])
        #expect(try await store.append(half) == .conflict([StreamVersion(right, at: 1)]))
        #expect(
            try await store.readStream(left, from: 1, limit: 10).map(\.position) == [
                receipt.firstPosition, receipt.firstPosition + 1,
            ])
        #expect(try await store.readStream(right, from: 1, limit: 10).map(\.position) == [receipt.lastPosition])
    }

    func conflict() async throws {
        let stream = StreamName.fresh("conflict")
        _ = try await store.append(Append([StreamChange(stream, expecting: 0, events: .samples(3))]))
        for wrong: Int64 in [0, 1, 2, 4, 100] {
            let outcome = try await store.append(
                Append([StreamChange(stream, expecting: wrong, events: [.sample()])]))
            #expect(outcome == .conflict([StreamVersion(stream, at: 3)]))
        }
        #expect(try await store.readStream(stream, from: 1, limit: 10).count == 3)
    }

    func conditions() async throws {
        let (watched, stream) = (StreamName.fresh("watched"), StreamName.fresh("conditional"))
        _ = try await store.append(Append([StreamChange(watched, expecting: 0, events: .samples(2))]))
        func attempt(_ version: Int64, expecting expected: Int64) async throws -> AppendOutcome {
            try await store.append(
                Append(
                    [StreamChange(stream, expecting: expected, events: [.sample()])],
                    conditions: [StreamVersion(watched, at: version)]))
        }
        #expect(try await attempt(1, expecting: 0) == .conflict([StreamVersion(watched, at: 2)]))
        #expect(try await attempt(3, expecting: 0) == .conflict([StreamVersion(watched, at: 2)]))
        #expect(try await attempt(2, expecting: 0).receipt != nil)
        _ = try await store.append(Append([StreamChange(watched, expecting: 2, events: [.sample()])]))
        #expect(try await attempt(2, expecting: 1) == .conflict([StreamVersion(watched, at: 3)]))
        #expect(try await store.readStream(watched, from: 1, limit: 10).count == 3)
    }

    func withoutEvents() async throws {
        let watched = StreamName.fresh("watched")
        let none = Append([], conditions: [StreamVersion(watched, at: 0)])
        let empty = try await store.head().position
        #expect(try await store.append(none).receipt?.eventCount == 0)
        _ = try await store.append(Append([StreamChange(watched, expecting: 0, events: .samples(2))]))
        #expect(try await store.append(none) == .conflict([StreamVersion(watched, at: 2)]))
        let holds = Append([], conditions: [StreamVersion(watched, at: 2)])
        let receipt = try #require(try await store.append(holds).receipt)
        #expect(receipt.eventCount == 0 && receipt.firstPosition == empty + 3)
        #expect(try await store.head().position == empty + 2)
        let next = try await store.append(Append([StreamChange(watched, expecting: 2, events: [.sample()])]))
        #expect(next.receipt?.firstPosition == empty + 3)
        let others = await store.append([
            Append([StreamChange(.fresh("other"), expecting: 0, events: .samples(2))]), none,
            Append([], conditions: [StreamVersion(watched, at: 3)]),
        ])
        #expect(try others.map { try $0.get().receipt?.eventCount } == [2, nil, 0])
    }

    func acceptances() async throws {
        let (left, right) = (StreamName.fresh("left"), StreamName.fresh("right"))
        let (command, print) = (UUID128.v7(), UUID128.v7())
        func acceptance(_ stream: StreamName, _ version: Int64) -> Acceptance {
            Acceptance(of: command, by: stream, version: version, fingerprint: print)
        }
        let first = try #require(
            try await store.append(
                Append(
                    [
                        StreamChange(left, expecting: 0, events: .samples(3)),
                        StreamChange(right, expecting: 0, events: .samples(1)),
                    ], acceptances: [acceptance(left, 2)])
            ).receipt)
        #expect(
            try await store.acceptances(of: [command]) == [
                RecordedAcceptance(acceptance(left, 2), position: first.firstPosition + 1)
            ])
        // Refused: nothing is remembered.
        let refused = Append([], conditions: [StreamVersion(right, at: 5)], acceptances: [acceptance(right, 1)])
        #expect(try await store.append(refused).isConflict)
        #expect(try await store.acceptances(of: [command]).count == 1)
        let second = Append([], conditions: [StreamVersion(right, at: 1)], acceptances: [acceptance(right, 1)])
        #expect(try await store.append(second).receipt != nil)
        #expect(
            try await store.acceptances(of: [.v7(), command]).map(\.position).sorted() == [
                first.firstPosition + 1, first.lastPosition,
            ])
        // Twice: neither the events nor anything else of the append is stored.
        let twice = Append(
            [StreamChange(left, expecting: 3, events: [.sample()])], acceptances: [acceptance(left, 4)])
        await #expect(throws: EventStoreError.self) { try await store.append(twice) }
        #expect(try await store.readStream(left, from: 1, limit: 10).count == 3)
    }

    func readsStream() async throws {
        let stream = StreamName.fresh("read")
        _ = try await store.append(Append([StreamChange(stream, expecting: 0, events: .samples(7))]))
        _ = try await store.append(Append([StreamChange(stream, expecting: 7, events: .samples(3))]))
        #expect(try await store.readStream(stream, from: 1, limit: 100).map(\.version) == Array(1...10))
        #expect(try await store.readStream(stream, from: 6, limit: 3).map(\.version) == [6, 7, 8])
        #expect(try await store.readStream(stream, from: 11, limit: 3).isEmpty)
        #expect(try await store.readStream(.fresh("read"), from: 1, limit: 3).isEmpty)
    }

    func readsLog() async throws {
        let start = try await store.head().position
        let category = "cat\(UInt32.random(in: 0...UInt32.max))"
        let (first, second) = (StreamName(category: category, id: "a-1"), StreamName(category: category, id: "b"))
        let account = AccountID("acc\(UInt32.random(in: 0...UInt32.max))")
        _ = try await store.append(Append([StreamChange(first, expecting: 0, events: .samples(2))]))
        _ = try await store.append(
            Append([StreamChange(second, expecting: 0, events: [.sample(account: account)])]))
        _ = try await store.append(
            Append([StreamChange(.fresh("other"), expecting: 0, events: [.sample(account: account)])]))
        let typed = NewEvent.sample(account: account, type: "Typed\(category)", class: .telemetry)
        _ = try await store.append(Append([StreamChange(second, expecting: 1, events: [typed])]))
        func versions(_ filter: LogFilter) async throws -> [String] {
            try await store.readLog(after: start, where: filter, limit: 100).events.map {
                "\($0.stream.id)/\($0.version)"
            }
        }
        #expect(try await versions(LogFilter(category: category, scope: .all)) == ["a-1/1", "a-1/2", "b/1", "b/2"])
        #expect(try await versions(LogFilter(category: category, scope: .only(account))) == ["b/1", "b/2"])
        #expect(try await versions(LogFilter(scope: .only(account))).count == 3)
        #expect(try await versions(LogFilter(scope: .all, stream: first)) == ["a-1/1", "a-1/2"])
        #expect(try await versions(LogFilter(scope: .only(account), stream: first)).isEmpty)
        #expect(try await versions(LogFilter(scope: .only(account), stream: second)) == ["b/1", "b/2"])
        #expect(try await versions(LogFilter(type: typed.type, scope: .all)) == ["b/2"])
        #expect(try await versions(LogFilter(category: category, type: "Sampled", scope: .only(account))) == ["b/1"])
    }

    func pageEnds() async throws {
        let start = try await store.head().position
        let stream = StreamName.fresh("page")
        _ = try await store.append(Append([StreamChange(stream, expecting: 0, events: .samples(5))]))
        _ = try await store.append(Append([StreamChange(.fresh("noise"), expecting: 0, events: .samples(4))]))
        let filter = LogFilter(category: "page", scope: .all)
        let full = try await store.readLog(after: start, where: filter, limit: 5)
        #expect(full.events.count == 5)
        #expect(full.end == start + 5)
        let rest = try await store.readLog(after: full.end, where: filter, limit: 5)
        #expect(rest.events.isEmpty)
        #expect(rest.end == start + 9)
        #expect(try await store.readLog(after: rest.end, where: filter, limit: 5).end == rest.end)
    }

    func streamsLog() async throws {
        let start = try await store.head().position
        let category = "cat\(UInt32.random(in: 0...UInt32.max))"
        for index in 0..<30 {
            let stream = StreamName.fresh(index % 3 == 0 ? category : "noise")
            _ = try await store.append(Append([StreamChange(stream, expecting: 0, events: .samples(50))]))
        }
        let all = try await store.readLog(after: start, where: .everything, limit: 10_000).events
        for wanted in [nil, category] {
            for (first, last) in [(start, start + 1_500), (start + 7, start + 1_203), (start + 9, start + 9)] {
                var (events, end) = ([RecordedEvent](), first)
                try await store.streamLog(after: first, through: last, category: wanted) { page in
                    #expect(page.events.allSatisfy { $0.position > end && $0.position <= page.end })
                    events += page.events
                    end = page.end
                }
                #expect(end == last)
                #expect(
                    events
                        == all.filter {
                            $0.position > first && $0.position <= last
                                && (wanted ?? $0.stream.category) == $0.stream.category
                        })
            }
        }
    }

    func roundTrip() async throws {
        let stream = StreamName.fresh("whole")
        let event = NewEvent(
            id: .v7(), type: "Überlauf", schemaVersion: 3, observedTime: Timestamp(microseconds: 1_795_233_600_123_456),
            data: Array(#"{ "b" : 1.50,  "a":"é\n" }"#.utf8),
            metadata: EventMetadata(
                principal: .user("ada:lovelace"), account: AccountID("kew-gardens"), commandID: .v7(),
                causationID: .v7(),
                correlationID: .v7(), traceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"))
        let bare = NewEvent.sample()
        let receipt = try #require(
            try await store.append(Append([StreamChange(stream, expecting: 0, events: [event, bare])])).receipt)
        let stored = try await store.readStream(stream, from: 1, limit: 2)
        #expect(
            stored == [
                RecordedEvent(
                    position: receipt.firstPosition, stream: stream, version: 1, recordedTime: receipt.recordedTime,
                    event: event),
                RecordedEvent(
                    position: receipt.lastPosition, stream: stream, version: 2, recordedTime: receipt.recordedTime,
                    event: bare),
            ])
    }

    func recordedTime() async throws {
        let start = try await store.head().position
        for _ in 0..<5 {
            _ = try await store.append(Append([StreamChange(.fresh("time"), expecting: 0, events: .samples(2))]))
        }
        let times = try await store.readLog(after: start, where: .everything, limit: 100).events.map(\.recordedTime)
        #expect(times == times.sorted())
        #expect(try await store.head().recordedTime == times.last)
    }

    func race() async throws {
        let stream = StreamName.fresh("race")
        let accepted = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    var mine = 0
                    for version in 0..<Int64(25) {
                        let outcome = try? await store.append(
                            Append([StreamChange(stream, expecting: version, events: [.sample()])]))
                        if outcome?.receipt != nil { mine += 1 }
                    }
                    return mine
                }
            }
            return await group.reduce(0, +)
        }
        let events = try await store.readStream(stream, from: 1, limit: 1_000)
        #expect(events.count == accepted)
        #expect(events.map(\.version) == Array(1...Int64(accepted)))
    }

    func malformed() async throws {
        let stream = StreamName.fresh("malformed")
        func isRefused(_ append: Append) async -> Bool {
            do {
                _ = try await store.append(append)
                return false
            } catch {
                if case .invalid = error { return true }
                return false
            }
        }
        #expect(await isRefused(Append([])))
        #expect(await isRefused(Append([StreamChange(stream, expecting: 0, events: [])])))
        #expect(await isRefused(Append([StreamChange(stream, expecting: -1, events: [.sample()])])))
        let twice = StreamChange(stream, expecting: 0, events: [.sample()])
        #expect(await isRefused(Append([twice, twice])))
        for data in [[0x22, 0xFF, 0x22], [0x22, 0x00, 0x22], Array(#""a\\\u0000""#.utf8)] {
            #expect(await isRefused(Append([StreamChange(stream, expecting: 0, events: [.sample(data: data)])])))
        }
        #expect(try await store.readStream(stream, from: 1, limit: 1).isEmpty)
        // What could be stored but never read again.
        let head = try await store.head()
        for (category, id) in [
            ("malformed", ""), ("", "id"), ("malformed", "an id"), ("malformed", "ü"), ("mal-formed", "id"),
            ("malformed", String(repeating: "a", count: 200)),
        ] {
            let nameless = StreamName(category: category, id: id)
            #expect(await isRefused(Append([StreamChange(nameless, expecting: 0, events: [.sample()])])))
        }
        #expect(try await store.head().position == head.position)
        let escaped = NewEvent.sample(data: Array(#""a\\u0000""#.utf8))
        #expect(try await store.append(Append([StreamChange(stream, expecting: 0, events: [escaped])])).receipt != nil)
    }

    func eventIDs() async throws {
        let stream = StreamName.fresh("ids")
        let event = NewEvent.sample()
        _ = try await store.append(Append([StreamChange(stream, expecting: 0, events: [event])]))
        await #expect(throws: EventStoreError.self) {
            try await store.append(Append([StreamChange(.fresh("ids"), expecting: 0, events: [event])]))
        }
        #expect(
            try await store.append(Append([StreamChange(stream, expecting: 1, events: [.sample()])])).receipt != nil)
    }

    func signalRises() async throws {
        let heard = store.signal.position
        async let woken: Void = store.signal.wait(past: heard, atMost: .seconds(60))
        let receipt = try #require(
            try await store.append(Append([StreamChange(.fresh("signal"), expecting: 0, events: [.sample()])])).receipt)
        await woken
        #expect(store.signal.position >= receipt.lastPosition)
    }
}

@Suite struct `The in-memory event store` {
    @Test(arguments: EventStoreContract.clauses.map(\.0))
    func `keeps the contract`(_ clause: String) async throws {
        let body = try #require(EventStoreContract.clauses.first { $0.0 == clause }?.1)
        try await body(EventStoreContract(store: InMemoryEventStore()))
    }
}
