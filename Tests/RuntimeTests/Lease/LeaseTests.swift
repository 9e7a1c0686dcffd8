import Logging
import Support
import Testing

@testable import Runtime

#if !SANITIZE_THREAD
    import Synchronization
#endif

private final class Turns: Sendable {
    private let state = Mutex<[String]>([])
    var all: [String] { state.withLock { $0 } }
    func note(_ turn: String) { state.withLock { $0.append(turn) } }
}

@Suite(.serialized, .timeLimit(.minutes(2))) struct `A role` {
    private func lease(_ log: PostgresLog, _ server: String, role: LeaseRole = .ingest) throws -> PostgresLease {
        var pace = PostgresLease.Pace()
        pace.renewal = .milliseconds(100)
        pace.patience = .milliseconds(700)
        return PostgresLease(
            role, url: try DatabaseURL(log.database.serverURL), on: log.thread, server: server,
            logger: Logger(label: "test"), pace: pace)
    }

    @Test func `belongs to one server at a time and passes to the next`() async throws {
        try await PostgresLog.with { log in
            let (first, second) = (try lease(log, "first"), try lease(log, "second"))
            let turns = Turns()
            try await withThrowingTaskGroup(of: Void.self) { group in
                let (release, releases) = AsyncStream<Void>.makeStream()
                group.addTask {
                    await first.lead {
                        turns.note("first")
                        for await _ in release { break }
                        turns.note("first ends")
                    }
                }
                try await eventually { turns.all == ["first"] }
                group.addTask { await second.lead { turns.note("second") } }
                // The first renews its row for longer than the second's patience.
                let age = Statement(
                    "age", "select clock_timestamp() > $1::timestamptz + interval '1.5 s'", effect: .writes)
                let start = Timestamp.now()
                try await eventually {
                    try await log.pool.withConnection { try await $0.query(age(.timestamp(start))).first?.bool(0) }
                        == true
                }
                #expect(turns.all == ["first"])
                releases.yield()
                try await eventually { turns.all == ["first", "first ends", "second"] }
            }
        }
    }

    @Test func `is taken from a server that stands still`() async throws {
        try await PostgresLog.with { log in
            // A holder that has the lock and does not renew its row, as one that is stopped by a signal.
            let stopped = try await PostgresConnection.connect(
                to: try DatabaseURL(log.database.serverURL), on: log.thread, logger: Logger(label: "test"))
            _ = try await stopped.query(
                PostgresLease.take(.int8(LeaseRole.ingest.key), .text("stopped"), .text(LeaseRole.ingest.name)))
            let led = Turns()
            await (try lease(log, "next")).lead { led.note("led") }
            #expect(led.all == ["led"])
            await #expect(throws: PostgresError.self) {
                try await stopped.query(PostgresLease.renew(.text("stopped"), .text(LeaseRole.ingest.name)))
            }
        }
    }

    @Test func `ends when its connection does`() async throws {
        try await PostgresLog.with { log in
            let lease = try lease(log, "one")
            let (ended, ends) = AsyncStream<Bool>.makeStream()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    await lease.lead {
                        try? await Task.sleep(for: .seconds(60))
                        ends.yield(Task.isCancelled)
                    }
                }
                let kill = Statement(
                    "end the holder", "select pg_terminate_backend(backend_pid) from leases", effect: .writes)
                try await eventually {
                    try await log.pool.withConnection { try await $0.query(kill()) }.count == 1
                }
                for await wasCancelled in ended {
                    #expect(wasCancelled)
                    break
                }
            }
        }
    }

    @Test func `is independent of every other role`() async throws {
        try await PostgresLog.with { log in
            let (first, other) = (try lease(log, "one"), try lease(log, "two", role: .other))
            let turns = Turns()
            await first.lead {
                turns.note("first")
                await other.lead {
                    turns.note("other")
                    let held = try? await log.pool.withConnection { connection in
                        let both = [
                            try await PostgresLease.isHeld(.ingest, asking: connection),
                            try await PostgresLease.isHeld(.other, asking: connection),
                        ]
                        return both
                    }
                    #expect(held == [true, true])
                }
                let held = try? await log.pool.withConnection { connection in
                    try await PostgresLease.isHeld(.ingest, asking: connection)
                }
                #expect(held == true)
            }
            #expect(turns.all == ["first", "other"])
        }
    }
}

extension LeaseRole {
    fileprivate static let ingest = LeaseRole("ingest", key: 11)
    fileprivate static let other = LeaseRole("other", key: 12)
}
