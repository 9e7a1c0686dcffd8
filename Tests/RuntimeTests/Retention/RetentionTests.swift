import Logging
import Support
import Testing

@testable import Runtime

#if !SANITIZE_THREAD
    import Synchronization
#endif

/// A small aggregate most of whose events are telemetry.
private enum Meter: Decider {
    enum Command: Sendable, Equatable {
        case name(String)
        case read(Int)
    }
    enum Event: Sendable, Equatable {
        case named(Named)
        case read(Reading)
    }
    struct Named: Codable, Sendable, Equatable { var name: String }
    struct Reading: Codable, Sendable, Equatable { var value: Int }
    struct State: Codable, Sendable, Equatable {
        var name = ""
        var sum = 0
    }
    enum Rejection: Error, Sendable, Equatable {}

    static let category = "meter"
    static let stateVersion: Int32 = 1
    static var initial: State { State() }
    static let codec = EventCodec<Event>([
        .init("Read", class: .telemetry, wrap: Event.read) { if case .read(let fact) = $0 { fact } else { nil } },
        .init("Named", wrap: Event.named) { if case .named(let fact) = $0 { fact } else { nil } },
    ])

    static func account(of state: State) -> AccountID { .default }

    static func decide(_ command: Command, in state: State, context: CommandContext) throws(Rejection) -> [Event] {
        switch command {
        case .name(let name): [.named(Named(name: name))]
        case .read(let value): [.read(Reading(value: value))]
        }
    }

    static func evolve(_ state: inout State, with event: Event, observedAt time: Timestamp) {
        switch event {
        case .named(let fact): state.name = fact.name
        case .read(let fact): state.sum += fact.value
        }
    }
}

@Suite(.serialized) struct `Retention` {
    private static let telemetry = TelemetryTypes([Meter.category: Meter.codec.telemetryTypes])
    private static let meters = ["a", "b", "c", "d"]

    /// Four meters, read 1,000 times each and named twice; the fourth falls silent after its first hundred readings.
    private func withLog(_ body: @Sendable @escaping (PostgresLog, LogRetention) async throws -> Void) async throws {
        try await PostgresLog.with { log in
            try await log.usePartitions(of: 1_000)
            let directory = Directory<Meter>(store: log.store, snapshots: log.snapshots)
            for round in 0..<10 {
                for id in Self.meters where id != "d" || round == 0 {
                    var commands: [Meter.Command] = (0..<100).map { .read($0) }
                    if round == 0 { commands.insert(.name("first"), at: 0) }
                    if round == 5 { commands.append(.name("second")) }
                    try await send(commands, to: id, directory)
                }
            }
            await log.snapshots.writeAll()
            try await withRetention(log) { try await body(log, $0) }
        }
    }

    private func send(_ commands: [Meter.Command], to id: String, _ directory: Directory<Meter>) async throws {
        let envelopes = commands.map { CommandEnvelope(id: .v7(), $0, context: .test) }
        for results in await directory.send([(id, envelopes)]) { for result in results { _ = try result.get() } }
    }

    private func withRetention(_ log: PostgresLog, _ body: (LogRetention) async throws -> Void) async throws {
        let pool = PostgresPool(
            url: try DatabaseURL(log.database.ownerURL), size: 3, acquireTimeout: .seconds(60), threads: [log.thread],
            logger: .init(label: "test"))
        defer { pool.close() }
        try await body(
            LogRetention(of: pool, store: log.store, folds: [StreamFold(Meter.self)], telemetry: Self.telemetry))
    }

    /// All that is behind the head by now, in whole partitions.
    private func plan(_ retention: LogRetention) async throws -> RetentionPlan {
        try await retention.plan(before: Timestamp(microseconds: .max))
    }

    private func findings(_ log: PostgresLog) async throws -> [AuditFinding] {
        let audit = LogAudit(of: log.pool, laws: [FoldLaw(Meter.self)])
        return try await audit.run { _, _, _ in }.findings.first
    }

    private func memories(_ log: PostgresLog) async throws -> [AggregateMemory<Meter>] {
        let directory = Directory<Meter>(store: log.store, snapshots: log.snapshots)
        var memories: [AggregateMemory<Meter>] = []
        for id in Self.meters { memories.append(try await directory.recall(id)) }
        return memories
    }

    @Test func `takes old telemetry out, and leaves states, other events and the log's proof`() async throws {
        try await withLog { log, retention in
            let before = try await memories(log)
            #expect(before.map(\.version) == [1_002, 1_002, 1_002, 101])
            let plan = try await plan(retention)
            #expect(
                plan.partitions.map(\.name) == ["events_telemetry_1", "events_telemetry_1001", "events_telemetry_2001"])
            #expect(plan.events == 3_000 - 7)
            try await retention.perform(plan) { _ in }
            #expect(try await memories(log) == before)
            #expect(try await findings(log).isEmpty)
            let left = try await log.store.readLog(after: 0, where: .everything, limit: 10_000)
            #expect(left.events.count == 3_107 - Int(plan.events))
            #expect(left.events.filter { $0.type == "Named" }.count == 7)
            #expect(left.end == 3_107)
            // A stream whose last event has gone stands where it stood.
            let silent = StreamName(category: "meter", id: "d")
            #expect(try await log.store.readStream(silent, from: 1, limit: 10).map(\.type) == ["Named"])
            let directory = Directory<Meter>(store: log.store, snapshots: log.snapshots)
            try await send([.read(1)], to: "d", directory)
            #expect(try await directory.recall("d").version == 102)
            #expect(try await self.plan(retention).isEmpty)
            #expect(try await findings(log).isEmpty)
        }
    }

    @Test func `takes nothing that somebody has yet to read`() async throws {
        try await withLog { log, retention in
            let all = LogReader("the fast", at: 3_107)
            for (position, count) in [(0, 0), (999, 0), (1_000, 1), (2_999, 2), (3_000, 3)] {
                let slow = LogReader("the slow", at: Int64(position))
                let plan = try await retention.plan(
                    before: Timestamp(microseconds: .max), readers: [all, slow])
                #expect(plan.partitions.count == count, "\(position)")
                #expect(plan.lastReader == slow)
            }
            let free = try await retention.plan(before: Timestamp(microseconds: .max), readers: [all])
            #expect(free.partitions.count == 3 && free.lastReader == nil)
        }
    }

    @Test func `leaves actors awake that know less than the log can tell, and has them read again`() async throws {
        try await withLog { log, retention in
            let awake = Directory<Meter>(store: log.store, snapshots: InMemorySnapshotStore())
            _ = try await awake.recall("a")
            let elsewhere = Directory<Meter>(store: log.store, snapshots: log.snapshots)
            try await send((0..<2_000).map { .read($0) }, to: "a", elsewhere)
            let held = Directory<Meter>(store: log.store, snapshots: log.snapshots)
            _ = try await held.recall("b")
            try await send((0..<2_000).map { .read($0) }, to: "b", elsewhere)
            let known = try await elsewhere.recall("b")
            try await retention.perform(try await plan(retention)) { _ in }
            #expect(try await held.recallLatest("b").agrees(with: known))
            // Without a snapshot there is no way past the floor.
            await #expect(throws: DispatchError<Meter.Rejection>.self) { _ = try await awake.recallLatest("a") }
        }
    }

    @Test func `leaves streams with gaps, which pages of any size leap over`() async throws {
        try await withLog { log, retention in
            func versions(of id: String, from first: Int64, by size: Int) async throws -> [Int64] {
                let stream = StreamName(category: "meter", id: id)
                var (versions, next) = ([Int64](), first)
                while true {
                    let page = try await log.store.readStream(stream, from: next, limit: size).map(\.version)
                    versions += page
                    guard page.count == size, let last = page.last else { return versions }
                    next = last + 1
                }
            }
            #expect(try await versions(of: "a", from: 7, by: 100) == Array(7...1_002))
            let plan = try await plan(retention)
            try await retention.perform(plan) { _ in }
            var left = 0
            for id in Self.meters {
                let all = try await versions(of: id, from: 1, by: 5)
                left += all.count
                for (first, size) in [(1, 16), (1, 100), (1, 2_000), (2, 50), (503, 20), (950, 16)] as [(Int64, Int)] {
                    let read = try await versions(of: id, from: first, by: size)
                    #expect(read == all.filter { $0 >= first }, "meter \(id) from \(first) by \(size)")
                }
            }
            #expect(left == 3_107 - Int(plan.events))
            let stream = StreamName(category: "meter", id: "a")
            #expect(try await log.store.readStream(stream, from: .max, limit: 100).isEmpty)
        }
    }

    @Test func `says clearly that the past before a floor is gone`() async throws {
        try await withLog { log, retention in
            try await retention.perform(try await plan(retention)) { _ in }
            let directory = Directory<Meter>(store: log.store, snapshots: log.snapshots)
            #expect(try await directory.recall("d", at: .version(50)) == .retained(through: 101))
            guard case .stood(let memory) = try await directory.recall("d", at: .version(101)) else {
                Issue.record("the state at the floor is not known")
                return
            }
            #expect(memory.state.sum == 4_950)
            try await log.asSuperuser("delete from snapshots where stream = 'meter-d'")
            await #expect(throws: DispatchError<Meter.Rejection>.self) {
                try await Directory<Meter>(store: log.store, snapshots: log.snapshots).recall("d")
            }
            #expect(try await findings(log).map(\.law) == [.snapshots])
        }
    }

    @Test func `goes on where it ended, whatever the step, beside a server that appends`() async throws {
        try await withLog { log, retention in
            let before = try await memories(log)
            struct Killed: Error {}
            var steps = 0
            var isDone = false
            while !isDone {
                steps += 1
                let left = Mutex(steps)
                do {
                    try await retention.perform(try await plan(retention)) { _ in
                        try left.withLock { left in
                            left -= 1
                            if left == 0 { throw Killed() }
                        }
                    }
                    isDone = true
                } catch is Killed {
                    #expect(try await findings(log).isEmpty)
                    _ = try await log.store.append(
                        Append([StreamChange(.fresh("beside"), expecting: 0, events: [.sample()])]))
                }
                // Each run begins anew with what the one before has left.
                if steps > 100 { break }
            }
            #expect(isDone)
            #expect(try await memories(log) == before)
            #expect(try await findings(log).isEmpty)
            #expect(
                try await log.texts("select count(*)::text from retained_ranges where finished_time is null") == ["0"])
        }
    }

    @Test func `ends a detachment that was cut off`() async throws {
        try await withLog { log, retention in
            let plan = try await plan(retention)
            struct Killed: Error {}
            do {
                try await retention.perform(plan) { if case .announced = $0 { throw Killed() } }
            } catch is Killed {}
            let reader = try await PostgresConnection.connect(
                to: try DatabaseURL(log.database.serverURL), on: log.thread, logger: .init(label: "test"))
            try await reader.runScript("begin isolation level repeatable read; select count(*) from events")
            let impatient = try await PostgresConnection.connect(
                to: try DatabaseURL(log.database.superuserURL), on: log.thread, logger: .init(label: "test"))
            try await impatient.runScript("set statement_timeout = '500ms'")
            await #expect(throws: PostgresError.self) {
                try await impatient.runScript(
                    "alter table events_telemetry detach partition events_telemetry_1 concurrently")
            }
            await impatient.close()
            #expect(try await log.texts("select count(*)::text from pg_inherits where inhdetachpending") == ["1"])
            try await reader.runScript("commit")
            await reader.close()
            try await retention.perform(try await self.plan(retention)) { _ in }
            #expect(try await findings(log).isEmpty)
            #expect(try await self.plan(retention).isEmpty)
        }
    }

    @Test func `leaves alone what no state can stand for`() async throws {
        try await withLog { log, retention in
            try await log.tamper("update events set data = '{}' where stream = 'meter-b' and version = 7")
            await #expect(throws: RetentionError.self) {
                try await retention.perform(try await plan(retention)) { _ in }
            }
            #expect(try await log.store.readLog(after: 0, where: .everything, limit: 10_000).events.count == 3_107)
        }
    }

    @Test func `leaves what was sealed and signed provable, and what is signed later too`() async throws {
        try await withLog { log, retention in
            let key = try SealKey(name: "fleetlog-test", seed: Array(repeating: 1, count: 32))
            func sign() async throws -> SignedHead {
                var term = try await SealingTerm(log.pool)
                let head = try await log.store.head().position
                try await term.seal(through: head)
                return try await term.sign(at: head, .now(), with: [key])
            }
            func verify() async throws -> SealAudit.Report {
                try await SealAudit(of: log.pool, trusting: [key.verifier]).run { _, _ in }
            }
            let directory = Directory<Meter>(store: log.store, snapshots: log.snapshots)
            try await send((0..<943).map { .read($0) }, to: "d", directory)
            let before = try await sign()
            // The last partition that leaves ends in a block that is not full.
            #expect(before.size == 4_050)
            let plan = try await plan(retention)
            try await retention.perform(plan) { _ in }
            let report = try await verify()
            #expect(report.findings.first.isEmpty)
            #expect(report.departed == plan.events)
            try await send((0..<200).map { .read($0) }, to: "d", directory)
            let after = try await sign()
            #expect(try await verify().findings.first.isEmpty)
            let proof = try await SealedTree(pool: log.pool).consistency(from: before.size, to: after.size)
            #expect(
                TreeProof.verifies(from: before.size, before.root, to: after.size, after.root, proof.path))
            try await log.tamper("delete from events where type = 'Named' and position < 500")
            let lost = try await verify().findings.first
            #expect(lost.map(\.law) == [.positions] && lost.map(\.position) == [1])
        }
    }

    @Test func `may go on while the log is verified`() async throws {
        try await withLog { log, retention in
            let key = try SealKey(name: "fleetlog-test", seed: Array(repeating: 1, count: 32))
            let head = try await log.store.head().position
            var term = try await SealingTerm(log.pool)
            try await term.seal(through: head)
            _ = try await term.sign(at: head, .now(), with: [key])
            let plan = try await plan(retention)
            let report = try await SealAudit(of: log.pool, trusting: [key.verifier]).run { _, _ in
                await #expect(throws: Never.self) { try await retention.perform(plan) { _ in } }
            }
            #expect(report.findings.first.isEmpty)
            #expect((report.proved, report.departed) == (head, 0))
        }
    }

    @Test func `explains gaps by what it has written down since it was asked first`() async throws {
        try await withLog { log, _ in
            func rows(_ ranges: String) async throws -> Rows {
                try await log.pool.withConnection {
                    try await $0.query(Statement.unprepared("ranges", "select * from (values \(ranges)) as r")())
                }
            }
            var ranges = try RetainedRanges(try await rows("(11::bigint, 21::bigint, 10::bigint, true)"))
            #expect(ranges.note(missing: 11..<41) == 21)
            try ranges.update(
                try await rows("(11::bigint, 21::bigint, 10::bigint, true), (21, 31, 10, false), (51, 61, 10, true)"))
            #expect(ranges.note(missing: 21..<41) == 31)
            #expect(ranges.findings.isEmpty)
            try ranges.update(try await rows("(11::bigint, 21::bigint, 10::bigint, true), (21, 31, 9, false)"))
            #expect(ranges.findings.map(\.position) == [21])
        }
    }

    @Test func `is no excuse for what is lost besides`() async throws {
        try await withLog { log, retention in
            try await retention.perform(try await plan(retention)) { _ in }
            try await log.tamper("delete from events where type = 'Named' and position < 500")
            #expect(try await findings(log).contains { $0.law == .positions })
        }
    }

    @Test func `keeps a detached partition as it was, if wanted`() async throws {
        try await withLog { log, retention in
            try await retention.perform(try await plan(retention), keepsDetached: true) { _ in }
            #expect(try await log.texts("select count(*)::text from events_telemetry_1") == ["996"])
            await #expect(throws: PostgresError.self) { try await log.asSuperuser("delete from events_telemetry_1") }
            await #expect(throws: PostgresError.self) { try await log.asSuperuser("truncate events_telemetry_1") }
            #expect(try await self.plan(retention).isEmpty)
        }
    }

    @Test func `takes telemetry out of a log that was not in partitions`() async throws {
        let database = try await TestDatabase.create(migrated: false)
        try await database.migrate(upTo: "0011-snapshots-of-the-past")
        try await PostgresLog.with(database) { log in
            try await log.asSuperuser(
                """
                insert into events (position, stream, category, version, id, type, schema_version, account,
                    observed_time, recorded_time, principal, command_id, data)
                select n, 'meter-' || n % 10, 'meter', 1 + (n - 1) / 10, gen_random_uuid(),
                    case when n <= 10 then 'Named' else 'Read' end, 1, 'default', now(), now(), 'system',
                    gen_random_uuid(), case when n <= 10 then '{"name":"x"}' else '{"value":2}' end::json
                from generate_series(1, 50000) as n;
                update log_head set position = 50000, recorded_time = now();
                """)
            try await database.migrate()
            try await withRetention(log) { retention in
                let plan = try await plan(retention)
                #expect(plan.mixedEvents == 49_990)
                struct Killed: Error {}
                do {
                    try await retention.perform(plan) { if case .deleted = $0 { throw Killed() } }
                } catch is Killed {}
                #expect(try await findings(log).isEmpty)
                try await retention.perform(try await self.plan(retention)) { _ in }
                #expect(try await findings(log).isEmpty)
            }
            let left = try await log.store.readLog(after: 0, where: .everything, limit: 100)
            #expect(left.events.map(\.position) == Array(1...10))
            #expect(left.end == 50_000)
            let directory = Directory<Meter>(store: log.store, snapshots: log.snapshots)
            #expect(try await directory.recall("3").state == Meter.State(name: "x", sum: 9_998))
        }
    }
}
