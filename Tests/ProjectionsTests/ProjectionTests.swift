import Aggregates
import Logging
import Projections
import Runtime
import Support
import Synchronization
import Testing

/// A fleet of devices that a test drives through their actors.
struct Fleet {
    let log: PostgresLog
    let devices: Directory<Device>

    init(_ log: PostgresLog) {
        self.log = log
        devices = Directory(store: log.store, snapshots: log.snapshots)
    }

    func send(_ command: Device.Command, to id: String, at time: Timestamp = .now()) async throws {
        _ = try await devices.send(
            CommandEnvelope(
                id: .v7(), command, context: CommandContext(time: time, principal: .system, scope: .all)), to: id)
    }

    func register(_ id: String, account: AccountID = .default) async throws {
        try await send(
            .register(
                Registration(
                    serial: "S-\(id)", type: DeviceType("water"), name: "Device \(id)", labels: ["floor": "2"],
                    account: AccountStanding(id: account, isActive: true))), to: id)
    }

    func report(_ value: Double, from id: String, at time: Timestamp = .now()) async throws {
        try await send(
            .recordTelemetry(Telemetry(metrics: ["level": .number(value)], seq: nil, clock: .device)), to: id, at: time)
    }

    func queries() -> PostgresFleetQueries { PostgresFleetQueries(pool: log.pool) }

    /// Runs the projection until the view has reached the head of the log.
    func withLiveView<Value: Sendable>(_ body: @Sendable () async throws -> Value) async throws -> Value {
        try await withLiveView(of: DevicesProjection.self, body)
    }

    /// The same, as another program folds it.
    func withLiveView<P: WideProjection, Value: Sendable>(
        of projection: P.Type, _ body: @Sendable () async throws -> Value
    ) async throws -> Value {
        let runner = ProjectionRunner(
            projection, log: log.store, pool: log.pool, logger: Logger(label: "test"))
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await runner.run() }
            defer { group.cancelAll() }
            let value = try await body()
            try await viewReachesHead()
            return value
        }
    }

    func viewReachesHead() async throws {
        let head = try await log.store.head().position
        try await eventually("the view at the head") {
            try await queries().projections().first { $0.name == "devices" }?.position ?? 0 >= head
        }
    }
}

@Suite struct `The view of devices` {
    @Test func `shows identity, account, last readings, last seen and counts`() async throws {
        try await PostgresLog.with { log in
            let fleet = Fleet(log)
            let noon = Timestamp(microseconds: 1_795_262_400_000_000)
            try await fleet.withLiveView {
                try await fleet.register("a")
                try await fleet.report(3, from: "a", at: noon + .seconds(60))
                try await fleet.report(1, from: "a", at: noon)
                try await fleet.send(
                    .refuseMessage(MessageRefusal(topic: "t", reason: "not JSON", bytes: 1, sha256: "00")), to: "a")
            }
            let row = try #require(try await fleet.queries().device("a", scope: .all))
            #expect(row.serial == "S-a")
            #expect(row.type == DeviceType("water"))
            #expect(row.labels == ["floor": "2"])
            #expect(row.state == .active)
            #expect(row.readings == ["level": LatestReading(value: .number(3), time: noon + .seconds(60))])
            #expect(row.lastObservedTime == noon + .seconds(60))
            #expect(row.telemetryCount == 2)
            #expect(row.refusedCount == 1)
            #expect(row.version == 4)
            let last = try await log.store.head().recordedTime
            #expect(row.lastSeenTime == last)
        }
    }

    @Test func `is asked only within an account`() async throws {
        try await PostgresLog.with { log in
            let fleet = Fleet(log)
            try await fleet.withLiveView {
                for id in ["a", "b", "c"] { try await fleet.register(id) }
                try await fleet.register("d", account: AccountID("other"))
            }
            let queries = fleet.queries()
            let other = AccountScope.only(AccountID("other"))
            #expect(
                try await queries.devices(scope: .all, where: DeviceFilter(), after: nil, limit: 2).map(\.id) == [
                    "a", "b",
                ])
            #expect(
                try await queries.devices(scope: .all, where: DeviceFilter(), after: "b", limit: 9).map(\.id) == [
                    "c", "d",
                ])
            #expect(
                try await queries.devices(scope: other, where: DeviceFilter(), after: nil, limit: 9).map(\.id) == ["d"])
            #expect(try await queries.device("a", scope: other) == nil)
            #expect(try await queries.device("d", scope: other)?.id == "d")
        }
    }

    @Test func `says who is there, and is asked for those`() async throws {
        try await PostgresLog.with { log in
            let fleet = Fleet(log)
            try await fleet.withLiveView {
                for id in ["away", "back", "flapping", "new", "online"] { try await fleet.register(id) }
                try await fleet.report(1, from: "away")
                try await fleet.send(.reportStatus(StatusReport(isOnline: false)), to: "away")
                try await fleet.send(.fallSilent(lastSeenTime: .now()), to: "back")
                try await fleet.report(1, from: "back")
                for change in 0..<Connectivity.mostChanges {
                    try await fleet.send(.reportStatus(StatusReport(isOnline: change % 2 == 0)), to: "flapping")
                }
                try await fleet.send(.reportStatus(StatusReport(isOnline: true, firmware: "1.4")), to: "online")
            }
            let queries = fleet.queries()
            func ids(_ wanted: DeviceFilter.Connectivity, _ scope: AccountScope = .all) async throws -> [String] {
                try await queries.devices(
                    scope: scope, where: DeviceFilter(connectivity: wanted), after: nil, limit: 9
                ).map(\.id)
            }
            #expect(try await ids(.online) == ["back", "online"])
            #expect(try await ids(.offline) == ["away", "flapping"])
            #expect(try await ids(.unknown) == ["new"])
            #expect(try await ids(.flapping) == ["flapping"])
            #expect(try await ids(.flapping, .only(AccountID("other"))) == [])
            #expect(try await ids(.online, .only(AccountID("other"))) == [])
            let online = try #require(try await queries.device("online", scope: .all))
            #expect(online.connectivity.sessions == 1 && online.connectivity.firmware == "1.4")
            #expect(online.state == .active && online.lastSeenTime != nil)
        }
    }

    @Test func `is counted as a whole, and who has sent most lately`() async throws {
        try await PostgresLog.with { log in
            let fleet = Fleet(log)
            try await fleet.withLiveView {
                try await fleet.register("a")
                try await fleet.register("b")
                try await fleet.register("c", account: AccountID("north"))
                for value in 0..<4 { try await fleet.report(Double(value), from: "a") }
                try await fleet.report(1, from: "a", at: .now() - .seconds(60))
                try await fleet.report(1, from: "c")
                try await fleet.send(.quarantine(reason: "odd"), to: "b")
            }
            let queries = fleet.queries()
            let counts = try await queries.fleetCounts()
            #expect(counts.count == 3 && counts.allSatisfy { $0.devices == 1 && $0.type == DeviceType("water") })
            let busy = try #require(counts.first { $0.readings == 5 })
            #expect(busy.state == .active && busy.presence == .online && busy.account == .default && busy.late == 1)
            #expect(counts.contains { $0.state == .quarantined && $0.presence == .unknown && $0.readings == 0 })
            #expect(counts.contains { $0.account == AccountID("north") && $0.readings == 1 })
            let traffic = try await queries.recentTraffic().sorted { $0.stream < $1.stream }
            #expect(traffic.map(\.stream) == ["device-a", "device-b", "device-c"])
            #expect(traffic.map(\.events) == [6, 2, 2] && traffic.map(\.messages) == [5, 0, 1])
            #expect(traffic.allSatisfy { $0.seconds == 60 } && traffic[2].account == AccountID("north"))
        }
    }

    @Test func `is counted with each number for itself`() async throws {
        var random = Random(state: 3)
        let rows = try [Int64(1), 100].map { times in
            var row = try DeviceRow.random(Int(times), using: &random)
            (row.account, row.type, row.state) = (AccountID("north"), DeviceType("water"), .active)
            (row.connectivity, row.clock) = (Connectivity(), DeviceClock())
            if times == 1 { row.clock.announce(90_000_000) }
            (row.telemetryCount, row.duplicateCount, row.flaggedCount) = (3 * times, 5 * times, 7 * times)
            (row.refusedCount, row.lateCount) = (9 * times, 11 * times)
            return row
        }
        try await PostgresLog.with { log in
            _ = try await log.pool.withConnection { connection in
                try await connection.query(DevicesProjection.store(rows, generation: 1))
            }
            var wanted = FleetCount(
                account: AccountID("north"), type: DeviceType("water"), state: .active, presence: .unknown, devices: 2)
            (wanted.drifted, wanted.readings, wanted.duplicates) = (1, 303, 505)
            (wanted.flagged, wanted.refused, wanted.late) = (707, 909, 1_111)
            #expect(try await PostgresFleetQueries(pool: log.pool).fleetCounts() == [wanted])
        }
    }

    @Test func `knows whose clock is wrong, also after a rebuild`() async throws {
        try await PostgresLog.with { log in
            let fleet = Fleet(log)
            let noon = Timestamp(microseconds: 1_795_262_400_000_000)
            try await fleet.withLiveView {
                for (id, ahead) in [("wrong", 300), ("right", 1)] {
                    try await fleet.register(id)
                    for minute in Int64(0)..<6 {
                        let arrival = noon + .seconds(minute * 60)
                        let reading = Telemetry(
                            metrics: ["level": .number(Double(minute))], seq: nil, clock: .device, arrival: arrival)
                        try await fleet.send(.recordTelemetry(reading), to: id, at: arrival + .seconds(ahead))
                    }
                }
            }
            let queries = fleet.queries()
            let wrong = try #require(try await queries.device("wrong", scope: .all))
            #expect(wrong.clock.drift == 300_000_000 && wrong.lastObservedTime == noon + .seconds(300))
            let state = try await fleet.devices.recall("wrong").state
            #expect(wrong.clock == state.clock && wrong.readings == state.readings)
            let drifted = DeviceFilter(connectivity: .online, hasDrifted: true)
            #expect(
                try await queries.devices(scope: .all, where: drifted, after: nil, limit: 9).map(\.id) == ["wrong"])
            #expect(try await queries.driftedClocks() == 1)
            #expect(try await log.rebuild("devices").comparison?.isIdentical == true)
        }
    }

    @Test func `counts nothing twice with two runners on one view`() async throws {
        try await PostgresLog.with { log in
            let fleet = Fleet(log)
            try await fleet.withLiveView {
                try await fleet.withLiveView {
                    try await fleet.register("a")
                    for value in 0..<200 { try await fleet.report(Double(value), from: "a") }
                }
            }
            #expect(try await fleet.queries().device("a", scope: .all)?.telemetryCount == 200)
        }
    }

    @Test func `is not held up by a server that stands still in the middle of a page`() async throws {
        try await PostgresLog.with { log in
            let fleet = Fleet(log)
            let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            let watch = IdleHolderWatch(of: "checkpoints", patience: .milliseconds(100), pool: log.pool, logger: quiet)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await watch.run() }
                // The checkpoint is moved, the rows are folded, and nothing follows.
                let url = try DatabaseURL(log.database.serverURL)
                let frozen = try await PostgresConnection.connect(to: url, on: log.thread, logger: quiet)
                let move = Statement.unprepared(
                    "move", "update checkpoints set position = position where projection = 'devices'", effect: .writes)
                _ = try await frozen.run([Statement.begin(), move()])
                try await fleet.withLiveView {
                    try await fleet.register("a")
                    try await fleet.report(1, from: "a")
                }
                #expect(try await fleet.queries().device("a", scope: .all)?.telemetryCount == 1)
                await #expect(throws: PostgresError.self) { try await frozen.query(Statement.commit()) }
                await frozen.close()
                group.cancelAll()
            }
        }
    }

    @Test func `catches up although the connection that hears of events is killed`() async throws {
        try await PostgresLog.with { log in
            let fleet = Fleet(log)
            try await fleet.withLiveView {
                try await fleet.register("a")
                let kill = Statement(
                    "kill_listeners",
                    """
                    select count(pg_terminate_backend(pid)) from pg_stat_activity
                    where datname = current_database() and pid <> pg_backend_pid() and query ilike '%listen%'
                    """)
                _ = try await log.pool.withConnection { try await $0.query(kill()) }
                try await fleet.report(1, from: "a")
            }
            #expect(try await fleet.queries().device("a", scope: .all)?.telemetryCount == 1)
        }
    }
}
