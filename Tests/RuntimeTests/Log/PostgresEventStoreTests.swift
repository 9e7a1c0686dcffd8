import Logging
import Runtime
import Support
import Testing

@Suite struct `The Postgres event store` {
    @Test(arguments: EventStoreContract.clauses.map(\.0))
    func `keeps the contract`(_ clause: String) async throws {
        let body = try #require(EventStoreContract.clauses.first { $0.0 == clause }?.1)
        try await PostgresLog.with { log in try await body(EventStoreContract(store: log.store)) }
    }

    @Test func `answers a poison payload alone and commits the rest of its batch`() async throws {
        try await PostgresLog.with { log in
            let outcomes = await withTaskGroup(of: (Int, Result<AppendOutcome, EventStoreError>).self) { group in
                for index in 0..<200 {
                    group.addTask {
                        let data = index == 77 ? Array(#"{"broken"#.utf8) : Array("{}".utf8)
                        let append = Append([
                            StreamChange(.fresh("poison"), expecting: 0, events: [.sample(data: data)])
                        ])
                        do throws(EventStoreError) {
                            return (index, .success(try await log.store.append(append)))
                        } catch {
                            return (index, .failure(error))
                        }
                    }
                }
                return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
            }
            for (index, outcome) in outcomes {
                if index == 77 {
                    guard case .failure(.invalid(_, "22P02")) = outcome else {
                        Issue.record("the poison payload was answered with \(outcome)")
                        continue
                    }
                } else {
                    #expect(try outcome.get().receipt != nil)
                }
            }
            let page = try await log.store.readLog(after: 0, where: .everything, limit: 1_000)
            #expect(page.events.map(\.position) == Array(1...199))
        }
    }

    @Test func `writes side rows only with an accepted append`() async throws {
        try await PostgresLog.with { log in
            let insert = Statement(
                "test_credential",
                """
                insert into device_credentials (device, key_id, verifier)
                select $2, 'k', 'v' where fleetlog_accepted($1)
                """)
            func append(_ name: String, expecting version: Int64) -> Append {
                Append(
                    [StreamChange(StreamName(category: "side", id: name), expecting: version, events: [.sample()])],
                    sideRows: [SideRow(insert, [.text(name)])])
            }
            async let good = log.store.append(append("good", expecting: 0))
            async let bad = log.store.append(append("bad", expecting: 3))
            async let other = log.store.append(append("other", expecting: 0))
            #expect(try await [good, bad, other].map(\.isConflict) == [false, true, false])
            let rows = try await log.pool.withConnection { connection in
                try await connection.query(
                    Statement("test_devices", "select device from device_credentials order by device")())
            }
            #expect(try rows.map { try $0.text(0) } == ["good", "other"])
        }
    }

    @Test(arguments: ["update events set type = 'x'", "delete from events", "truncate events"])
    func `refuses to change history for everybody`(_ sql: String) async throws {
        try await PostgresLog.with { log in
            let stream = StreamName.fresh("history")
            _ = try await log.store.append(Append([StreamChange(stream, expecting: 0, events: .samples(3))]))
            let database = log.database
            for url in [database.serverURL, database.ownerURL, database.superuserURL] {
                let connection = try await PostgresConnection.connect(
                    to: try DatabaseURL(url), on: log.thread, logger: .init(label: "test"))
                do throws(PostgresError) {
                    _ = try await connection.query(Statement.unprepared("tamper", sql)())
                    Issue.record("history was changed by \(sql)")
                } catch {
                    #expect(error.sqlState == .insufficientPrivilege)
                }
                await connection.close()
            }
            #expect(try await log.store.readStream(stream, from: 1, limit: 10).count == 3)
        }
    }

    @Test func `keeps order and counts nothing twice with two servers on one database`() async throws {
        try await PostgresLog.with { first in
            try await PostgresLog.with(first.database) { second in
                let accepted = await withTaskGroup(of: Int.self) { group in
                    for writer in 0..<16 {
                        let store = writer.isMultiple(of: 2) ? first.store : second.store
                        group.addTask {
                            var mine = 0
                            for round in 0..<40 {
                                let stream = StreamName(category: "shared", id: "\(round % 5)")
                                let version = (try? await store.readStream(stream, from: 1, limit: 1_000).count) ?? 0
                                let append = Append([
                                    StreamChange(stream, expecting: Int64(version), events: [.sample()])
                                ])
                                if (try? await store.append(append))?.receipt != nil { mine += 1 }
                            }
                            return mine
                        }
                    }
                    return await group.reduce(0, +)
                }
                let events = try await first.store.readLog(after: 0, where: .everything, limit: 10_000).events
                #expect(events.count == accepted)
                #expect(events.map(\.position) == Array(1...Int64(accepted)))
                for (_, ofStream) in Dictionary(grouping: events, by: \.stream) {
                    #expect(ofStream.map(\.version) == Array(1...Int64(ofStream.count)))
                }
            }
        }
    }

    @Test func `hears of another server's events`() async throws {
        try await PostgresLog.with { first in
            try await PostgresLog.with(first.database) { second in
                let receipt = try #require(
                    try await first.store.append(
                        Append([StreamChange(.fresh("news"), expecting: 0, events: [.sample()])])
                    ).receipt)
                try await eventually { second.store.signal.position >= receipt.lastPosition }
            }
        }
    }

    @Test func `answers each append although its connection is killed again and again`() async throws {
        try await PostgresLog.with { log in
            let accepted = try await withThrowingTaskGroup(of: [StreamName].self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        var streams: [StreamName] = []
                        for _ in 0..<30 {
                            let stream = StreamName.fresh("killed")
                            let append = Append([StreamChange(stream, expecting: 0, events: .samples(2))])
                            while true {
                                do throws(EventStoreError) {
                                    let outcome = try await log.store.append(append)
                                    #expect(outcome.receipt != nil)
                                    streams.append(stream)
                                    break
                                } catch {
                                    guard case .unavailable = error else {
                                        Issue.record("unexpected \(error.debugDescription)")
                                        return streams
                                    }
                                }
                            }
                        }
                        return streams
                    }
                }
                group.addTask {
                    let admin = try await PostgresConnection.connect(
                        to: try DatabaseURL(log.database.superuserURL), on: log.thread, logger: .init(label: "test"))
                    let kill = Statement(
                        "kill_all",
                        """
                        select count(pg_terminate_backend(pid)) from pg_stat_activity
                        where datname = current_database() and pid <> pg_backend_pid()
                        """)
                    for _ in 0..<10 {
                        _ = try await admin.query(kill())
                        let position = log.store.signal.position
                        await log.store.signal.wait(past: position, atMost: .seconds(1))
                    }
                    await admin.close()
                    return []
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(accepted.count == 600)
            let head = try await log.store.head().position
            #expect(head == 1_200)
            let events = try await log.store.readLog(after: 0, where: .everything, limit: 5_000).events
            #expect(events.map(\.position) == Array(1...1_200))
        }
    }

    @Test(arguments: [1, 17, 32, 33, 60]) func `goes on behind an event that somebody took out`(_ gone: Int64)
        async throws
    {
        try await PostgresLog.with { log in
            let stream = StreamName.fresh("plain")
            _ = try await log.store.append(Append([StreamChange(stream, expecting: 0, events: .samples(60))]))
            try await log.tamper("delete from events where stream = '\(stream)' and version = \(gone)")
            for size in [5, 16, 100] {
                var (versions, next) = ([Int64](), Int64(1))
                while true {
                    let page = try await log.store.readStream(stream, from: next, limit: size).map(\.version)
                    versions += page
                    guard page.count == size, let last = page.last else { break }
                    next = last + 1
                }
                #expect(versions == (1...60).filter { $0 != gone }, "by \(size)")
            }
        }
    }
}
