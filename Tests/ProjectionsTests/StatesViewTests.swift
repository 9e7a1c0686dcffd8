import Aggregates
import Logging
import MetricsTestKit
import Projections
import Runtime
import Support
import Testing

private struct Message: Sendable {
    /// When it was measured, and when it arrived.
    var made: Timestamp
    var arrival: Timestamp
    var leak: Bool

    init(_ made: Int64, _ arrival: Int64, _ leak: Bool) {
        self.made = noon + .seconds(made)
        self.arrival = noon + .seconds(arrival)
        self.leak = leak
    }
}

extension Directory<Device> {
    fileprivate func take(_ command: Device.Command, at time: Timestamp, by device: String) async throws {
        let context = CommandContext(time: time, principal: .system, scope: .all)
        _ = try await send(CommandEnvelope(id: .v7(), command, context: context), to: device)
    }

    fileprivate func register(_ device: String) async throws {
        let account = AccountStanding(id: .default, isActive: true)
        try await take(
            .register(
                Registration(serial: device, type: DeviceType("water"), name: "", labels: [:], account: account)),
            at: noon, by: device)
    }

    /// Sends the messages by a clock that is so far ahead, in the order of their arrival.
    fileprivate func report(_ messages: [Message], ahead: Duration = .zero, by device: String) async throws {
        for message in messages {
            let metrics: [String: MetricValue] = [
                "leak": .flag(message.leak), "status": .text(message.leak ? "wet" : "dry"), "level": .number(1),
            ]
            let reading = Telemetry(metrics: metrics, seq: nil, clock: .device, arrival: message.arrival)
            try await take(.recordTelemetry(reading), at: message.made + ahead, by: device)
        }
    }
}

private func folded(_ events: [RecordedEvent]) throws -> ViewRows<StateHour> {
    var rows = ViewRows<StateHour>()
    for event in events { try StatesProjection.evolve(&rows, with: event) }
    return rows
}

private func events(_ record: (Directory<Device>) async throws -> Void) async throws -> [RecordedEvent] {
    let store = InMemoryEventStore()
    let devices = Directory<Device>(store: store, snapshots: InMemorySnapshotStore())
    try await devices.register("a")
    try await record(devices)
    return try await store.readLog(after: 0, where: .everything, limit: 10_000).events
}

@Suite struct `The view of states` {
    private func messages(_ count: Int, _ random: inout Random) -> [Message] {
        (0..<count).map { _ in
            Message(Int64.random(in: -9_000..<0, using: &random), 60, Bool.random(using: &random))
        }
    }

    @Test(arguments: 0..<8) func `has the same rows in whatever order the same events come`(_ seed: UInt64)
        async throws
    {
        var random = Random(state: seed &+ 1)
        let messages = messages(120, &random)
        let log = try await events { try await $0.report(messages, by: "a") }
        let rows = try folded(log)
        // Three hours of readings, and the one in which the first of them came.
        #expect(rows.changed.count == 4)
        for _ in 0..<5 {
            let shuffled = try folded(log.shuffled(using: &random))
            #expect(Set(shuffled.changed) == Set(rows.changed))
        }
        // All that changes is named beforehand, and what is not named concerns nothing.
        let ids = Set(try log.flatMap { try StatesProjection.ids(of: $0) })
        #expect(ids == Set(rows.changed.map { StatesProjection.id(of: $0) }))
        for event in log { #expect(try StatesProjection.concerns(event) == !StatesProjection.ids(of: event).isEmpty) }
    }

    @Test func `is not concerned by numbers, but for the first, which says that the device is there`() async throws {
        let log = try await events { devices in
            let reading = Telemetry(metrics: ["level": .number(1)], seq: nil, clock: .device, arrival: noon)
            for minute in 0..<2 {
                try await devices.take(.recordTelemetry(reading), at: noon + .seconds(60 * minute), by: "a")
            }
        }
        #expect(try folded(log).changed.map(\.facts.isEmpty) == [true])
        #expect(log.map { StatesProjection.concerns($0) } == [false, true, false])
    }

    private func said(_ hours: [StateHour]) -> [[String]] {
        hours.map { hour in
            ["leak", "status"].flatMap { metric in
                hour.runs[.metric(metric)].map { "\(metric) \($0.value) \($0.since) \($0.lastTime)" }
            }
        }.filter { !$0.isEmpty }
    }

    @Test(arguments: 0..<15) func `has readings that are dated anew where a right clock would have put them`(
        _ seed: UInt64
    ) async throws {
        var random = Random(state: seed &* 0x9E37_79B9_7F4A_7C15 &+ 1)
        // Live readings, one a minute from noon on, and those of a buffer that come between them.
        let live = (0..<Int64(8)).map { Message($0 * 60, $0 * 60, Bool.random(using: &random)) }
        let buffered = (0..<100).map { _ in
            Message(
                Int64.random(in: -9_000..<(-120), using: &random), Int64.random(in: -50..<480, using: &random),
                Bool.random(using: &random))
        }
        let messages = (live + buffered).sorted { $0.arrival < $1.arrival }
        let log = try await events { try await $0.report(messages, ahead: .seconds(-1_795_000_000), by: "a") }
        let right = try await events { try await $0.report(messages, by: "a") }
        let rows = try folded(log)
        #expect(said(rows.changed) == said(try folded(right).changed))
        #expect(rows.changed.allSatisfy { $0.provisional.isEmpty })
        let redatings = log.filter { $0.type == "ReadingsRedated" }
        #expect(redatings.count == 1)
        var again = rows
        for event in redatings { try StatesProjection.evolve(&again, with: event) }
        #expect(Set(again.changed) == Set(rows.changed))
    }

    @Test func `tells when the device was there: by its status, its silence and its first message after it`()
        async throws
    {
        let log = try await events { devices in
            try await devices.take(.reportStatus(StatusReport(isOnline: true)), at: noon, by: "a")
            for minute in 1..<5 as Range<Int64> {
                try await devices.report([Message(minute * 60, minute * 60, false)], by: "a")
            }
            try await devices.take(.fallSilent(lastSeenTime: noon + .seconds(240)), at: noon + .seconds(500), by: "a")
            // Made before the silence; that it came is what counts.
            try await devices.report([Message(250, 900, false), Message(910, 910, true)], by: "a")
            try await devices.take(.reportStatus(StatusReport(isOnline: false)), at: noon + .seconds(4_000), by: "a")
        }
        let runs = try folded(log).changed.flatMap { $0.runs[.connectivity] }
        let history = StateHistory(runs, from: noon, to: noon + .seconds(5_000))
        #expect(history.stretches.map(\.value) == ["online", "offline", "online", "offline"].map { .text($0) })
        #expect(history.stretches.map(\.from) == [0, 500, 900, 4_000].map { noon + .seconds($0) })
    }

    @Test func `tells that a device is there which has never said so, from its first reading on`() async throws {
        let log = try await events { devices in
            for minute in 2..<5 as Range<Int64> {
                try await devices.report([Message(minute * 60 - 30, minute * 60, false)], by: "a")
            }
        }
        let runs = try folded(log).changed.flatMap { $0.runs[.connectivity] }
        let history = StateHistory(runs, from: noon, to: noon + .seconds(5_000))
        #expect(history.stretches.map(\.value) == [.text("online")])
        #expect(history.stretches.map(\.from) == [noon + .seconds(120)])
    }

    private func withView(
        _ log: PostgresLog, _ body: @Sendable (PostgresFleetQueries, TestMetrics) async throws -> Void
    ) async throws {
        let (queries, metrics) = (PostgresFleetQueries(pool: log.pool), TestMetrics())
        let runner = ProjectionRunner(
            StatesProjection.self, log: log.store, pool: log.pool, logger: Logger(label: "test"), metrics: metrics)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await runner.run() }
            defer { group.cancelAll() }
            try await reach(log, queries)
            try await body(queries, metrics)
        }
    }

    private func reach(_ log: PostgresLog, _ queries: PostgresFleetQueries) async throws {
        let head = try await log.store.head().position
        try await eventually(within: .seconds(60), "the view at the head") {
            try await queries.projections().first { $0.name == "states" }?.position ?? 0 >= head
        }
    }

    private func history(
        _ device: String, _ subject: StateSubject, _ queries: PostgresFleetQueries, from: Int64 = -9_000,
        to: Int64 = 600, scope: AccountScope = .all
    ) async throws -> StateHistory {
        let (from, to) = (noon + .seconds(from), noon + .seconds(to))
        let runs = try await queries.runs(
            RunsWanted(device: device, subject: subject, from: from, to: to), scope: scope)
        return StateHistory(runs, from: from, to: to)
    }

    @Test func `answers the same for any order of arrival, goes back for what is late, and equals its rebuild`()
        async throws
    {
        try await PostgresLog.with { log in
            var random = Random(state: 11)
            let messages = messages(100, &random)
            let devices = Directory<Device>(store: log.store, snapshots: log.snapshots)
            for device in ["a", "b"] {
                try await devices.register(device)
                try await devices.report(messages.shuffled(using: &random), by: device)
            }
            try await withView(log) { queries, metrics in
                let view = [("view", "states")]
                let before = try await history("a", .metric("leak"), queries)
                #expect(before.stretches.count > 10 && before.totals.count == 2)
                #expect(
                    before.stretches.map(\.from)
                        == (try await history("b", .metric("leak"), queries)).stretches.map(\.from))
                // A stretch that begins before the range is found as well.
                let late = try await history("a", .metric("status"), queries, from: 0)
                #expect(late.stretches.count == 1 && late.stretches.first?.version == nil)

                // In a page of its own, onto rows that are stored: one in the middle of a stretch, for a alone.
                let said = { (stretch: StateHistory.Stretch) in (stretch.lastTime ?? stretch.from) - stretch.from }
                let longest = try #require(before.stretches.max { said($0) < said($1) })
                let middle = longest.from + said(longest) / 2 + .milliseconds(300)
                let recalculated = {
                    metrics.counterTotal(label: "fleetlog_windows_recalculated_total", dimensions: view)
                }
                let earlier = recalculated()
                let isLeak = longest.value == .flag(false)
                var message = Message(0, 120, isLeak)
                message.made = middle
                try await devices.report([message], by: "a")
                try await reach(log, queries)
                let after = try await history("a", .metric("leak"), queries)
                #expect(after.stretches.contains { $0.from == middle && $0.value == .flag(isLeak) })
                #expect(after.stretches.count == before.stretches.count + 2)
                #expect(
                    (try await history("b", .metric("leak"), queries)).stretches.map(\.from)
                        == before.stretches.map(\.from))
                #expect(recalculated() == earlier + 1)
                #expect(
                    try await history("a", .metric("leak"), queries, scope: .only(AccountID("other"))).stretches.isEmpty
                )
            }
            let comparison = try #require(try await log.rebuild("states").comparison)
            #expect(comparison.isIdentical && comparison.nextRows == 8)
            let law = try await ViewLaw(StatesProjection.self, in: log.pool)
            let found = try await LogAudit(of: log.pool, laws: [law]).run { _, _, _ in }.findings.first
            #expect(found.isEmpty, "\(found)")
        }
    }

    @Test func `knows what held before a range, whosever the device was in that hour`() async throws {
        try await PostgresLog.with { log in
            let devices = Directory<Device>(store: log.store, snapshots: log.snapshots)
            try await devices.register("a")
            try await devices.report([Message(0, 0, true)], by: "a")
            // Its name comes before that of the account from which it came.
            let next = AccountStanding(id: AccountID("abbey"), isActive: true)
            try await devices.take(.assign(next), at: noon, by: "a")
            try await devices.report([Message(600, 600, false)], by: "a")
            try await withView(log) { queries, _ in
                let from = noon + .seconds(3_600)
                let wanted = RunsWanted(device: "a", subject: .metric("leak"), from: from, to: from + .seconds(60))
                let runs = try await queries.runs(wanted, scope: .all)
                #expect(runs.map(\.value) == [.flag(true), .flag(false)])
            }
        }
    }

    @Test func `says of an hour that not all of it is kept, also when it was stored`() async throws {
        try await PostgresLog.with { log in
            let devices = Directory<Device>(store: log.store, snapshots: log.snapshots)
            for device in ["a", "b"] { try await devices.register(device) }
            try await devices.report((0..<12).map { Message($0 * 5, $0 * 5, (4..<8).contains($0)) }, by: "a")
            try await devices.report([Message(0, 0, true)], by: "b")
            try await withView(log) { queries, _ in
                // In a page of its own, onto what is stored.
                try await devices.report([Message(120, 120, true)], by: "a")
                try await reach(log, queries)
                func runs(_ device: String, _ subject: StateSubject) async throws -> [StateRun] {
                    let wanted = RunsWanted(device: device, subject: subject, from: noon, to: noon + .seconds(600))
                    return try await queries.runs(wanted, scope: .all)
                }
                let leak = try await runs("a", .metric("leak"))
                #expect(leak.map(\.value) == [.flag(false), .flag(true), .flag(false), .flag(true)])
                let areThinned = leak.allSatisfy { $0.isThinned }
                #expect(areThinned)
                #expect(StateHistory.isThinned(leak, from: noon, to: noon + .seconds(600)))
                #expect(!StateHistory.isThinned(leak, from: noon + .seconds(3_600), to: noon + .seconds(7_200)))
                #expect(try await runs("b", .metric("leak")).allSatisfy { !$0.isThinned })
                #expect(try await runs("a", .connectivity).allSatisfy { !$0.isThinned })
            }
            #expect(try #require(try await log.rebuild("states").comparison).isIdentical)
        }
    }

    @Test func `keeps what is to be dated anew until it is, over pages and a rebuild`() async throws {
        try await PostgresLog.with { log in
            let devices = Directory<Device>(store: log.store, snapshots: log.snapshots)
            try await devices.register("a")
            let unset = Duration.seconds(-1_795_000_000)
            try await devices.report([Message(-7_200, 0, true), Message(-3_700, 1, false)], ahead: unset, by: "a")
            try await withView(log) { queries, _ in
                #expect(try await log.number("select count(*) from states") == 1)
                try await devices.report(
                    (2..<10).map { Message($0 * 60, $0 * 60, false) }, ahead: unset, by: "a")
                try await reach(log, queries)
                let leak = try await history("a", .metric("leak"), queries)
                #expect(leak.stretches.map(\.from) == [-7_200, -3_700].map { noon + .seconds($0) }, "\(leak)")
                #expect(try #require(try await log.rebuild("states").comparison).isIdentical)
            }
        }
    }
}

@Suite(.timeLimit(.minutes(2))) struct `The history of one device` {
    @Test func `is read from its own rows, however many there are beside them`() async throws {
        try await PostgresLog.with { log in
            let pool = PostgresPool(
                url: try DatabaseURL(log.database.superuserURL), size: 1, threads: [log.thread],
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            defer { pool.close() }
            let fill = Statement.unprepared(
                "fill states",
                """
                insert into states
                select 1, 'd' || n % 10, to_timestamp(3600 * (n / 10)), 'default', '\\x', '{"metrics":{"leak":[[true,0,1,2]]}}'
                from generate_series($1::int, $2::int) n
                """, effect: .writes)
            let queries = PostgresFleetQueries(pool: pool)
            let (from, to) = (Timestamp(microseconds: 36_000_000_000), Timestamp(microseconds: 72_000_000_000))
            let wanted = RunsWanted(device: "d3", subject: .metric("leak"), from: from, to: to)
            _ = try await pool.withConnection { try await $0.query(fill(.int4(0), .int4(199))) }
            _ = try await pool.withConnection {
                try await $0.query(Statement.unprepared("analyze", "analyze states")())
            }
            // After five times Postgres keeps the plan of a prepared statement.
            for _ in 0..<10 { #expect(try await queries.runs(wanted, scope: .all).count == 11) }
            _ = try await pool.withConnection { try await $0.query(fill(.int4(200), .int4(20_000))) }
            let rows = RowsRead(of: ["states"], by: pool)
            let before = try await rows.count()
            #expect(try await queries.runs(wanted, scope: .all).count == 11)
            #expect(try await rows.count() - before < 100)
        }
    }
}
