import Logging
import Support
import Synchronization
import Testing

@testable import Runtime

@Suite struct `A stream of the log` {
    /// Of several categories, with and without what may be null, small and large.
    private func fill(_ log: PostgresLog, events: Int) async throws {
        let stream = StreamName.fresh("filled")
        let batch = (0..<events).map { number in
            var event = NewEvent.sample(
                account: AccountID("account-\(number % 5)"),
                data: Array("\"\(String(repeating: "x", count: number % 7 == 0 ? 20_000 : number % 40))\"".utf8))
            event.metadata.principal = number % 2 == 0 ? .system : .device("k\(number % 11)")
            event.metadata.causationID = number % 3 == 0 ? .v7() : nil
            event.metadata.traceParent = number % 4 == 0 ? "00-é-\(number)" : nil
            event.type = "Sampled\(number % 100)"
            return event
        }
        _ = try await log.store.append(Append([StreamChange(stream, expecting: 0, events: batch)]))
        for _ in 0..<10 {
            _ = try await log.store.append(Append([StreamChange(.fresh("other"), expecting: 0, events: .samples(20))]))
        }
    }

    private func stream(_ log: PostgresLog, _ size: Int64, bytes: Int = 8 << 20, end: Int64) -> LogStream {
        LogStream(pool: log.pool, category: nil, end: end, pageSize: size, pageBytes: bytes)
    }

    @Test func `gives the same events whatever the size of its pages`() async throws {
        try await PostgresLog.with { log in
            try await fill(log, events: 300)
            let all = try await log.store.readLog(after: 0, where: .everything, limit: 10_000).events
            for (size, bytes) in [(1, 1), (3, 8 << 20), (64, 30_000), (1_000, 1), (10_000, 8 << 20)] {
                var (events, end) = ([RecordedEvent](), Int64(0))
                try await stream(log, Int64(size), bytes: bytes, end: 500).read(after: 0) { raw in
                    (try raw.recordedEvents(), raw.end)
                } _: { part in
                    events += part.0
                    end = part.1
                }
                #expect(end == 500)
                #expect(events == all)
            }
        }
    }

    @Test func `reads no more than two pages ahead of its reader`() async throws {
        try await PostgresLog.with { log in
            try await fill(log, events: 300)
            let read = Atomic(0)
            var taken = 0
            try await stream(log, 10, end: 500).read(after: 0) { raw in
                read.add(1, ordering: .relaxed)
                return raw.count
            } _: { _ in
                taken += 1
                // Gives those that are under way the time to come.
                _ = try await log.store.head()
                #expect(read.load(ordering: .relaxed) <= taken + 1)
            }
            #expect(taken == 50)
        }
    }

    @Test func `holds no transaction open while its reader takes its time`() async throws {
        try await PostgresLog.with { log in
            try await fill(log, events: 300)
            let open = Statement.unprepared(
                "open transactions",
                """
                select count(*) from pg_stat_activity
                where datname = current_database() and pid <> pg_backend_pid() and backend_xmin is not null
                """)
            var looked = 0
            try await stream(log, 100, end: 500).read(after: 0) {
                $0.count
            } _: { _ in
                looked += 1
                try await eventually("no snapshot is held") {
                    try await log.pool.withConnection { try await $0.query(open()) }[0].int8(0) == 0
                }
            }
            #expect(looked == 5)
        }
    }

    @Test func `fails with its connection, and can be read on from there`() async throws {
        try await PostgresLog.with { log in
            try await fill(log, events: 300)
            let terminate = Statement.unprepared(
                "end all others",
                """
                select pg_terminate_backend(pid) from pg_stat_activity
                where datname = current_database() and pid <> pg_backend_pid()
                """)
            let all = try await log.store.readLog(after: 0, where: .everything, limit: 10_000).events
            let other = try await PostgresConnection.connect(
                to: try DatabaseURL(log.database.superuserURL), on: log.thread, logger: Logger(label: "test"))
            var (events, end) = ([RecordedEvent](), Int64(0))
            do {
                try await stream(log, 10, end: 500).read(after: 0) { raw in
                    (try raw.recordedEvents(), raw.end)
                } _: { part in
                    events += part.0
                    end = part.1
                    _ = try await other.query(terminate())
                }
                Issue.record("nothing failed")
            } catch let error as EventStoreError {
                guard case .unavailable = error else { throw error }
            }
            await other.close()
            #expect(end < 500)
            try await eventually("a connection that lives is lent out, and the log read to its end") {
                do {
                    try await stream(log, 10, end: 500).read(after: end) { raw in
                        (try raw.recordedEvents(), raw.end)
                    } _: { part in
                        events += part.0
                        end = part.1
                    }
                    return true
                } catch EventStoreError.unavailable {
                    return false
                }
            }
            #expect(events == all)
        }
    }

    @Test func `that is cancelled ends at once and gives its connections back`() async throws {
        try await PostgresLog.with { log in
            try await fill(log, events: 300)
            let begun = LogSignal()
            let reading = Task {
                try await stream(log, 1, end: 500).read(after: 0) {
                    $0.end
                } _: { end in
                    begun.advance(to: end)
                    try await Task.sleep(for: .seconds(60))
                }
            }
            await begun.wait(past: 0, atMost: .seconds(60))
            reading.cancel()
            await #expect(throws: CancellationError.self) { try await reading.value }
            #expect(try await log.store.head().position == 500)
        }
    }
}
