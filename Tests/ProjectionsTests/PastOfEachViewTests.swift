import Aggregates
import Logging
import Projections
import Runtime
import Support
import Testing

private let accountNames = ["north", "south"]
private let ids = ["a", "b", "c"]

/// Accounts, devices, alerts and rollouts to which anything may happen.
private struct Happenings {
    let log: PostgresLog
    let devices: Directory<Device>
    let accounts: Directory<Account>
    let alerts: Directory<Alert>
    let rollouts: Directory<Rollout>

    init(_ log: PostgresLog) {
        self.log = log
        devices = Directory(store: log.store, snapshots: log.snapshots)
        accounts = Directory(store: log.store, snapshots: log.snapshots)
        alerts = Directory(store: log.store, snapshots: log.snapshots)
        rollouts = Directory(store: log.store, snapshots: log.snapshots)
    }

    /// What an aggregate refuses has not happened.
    private func send<D: Decider>(
        _ command: D.Command, to id: String, of directory: Directory<D>, at time: Timestamp = noon
    ) async {
        let context = CommandContext(time: time, principal: .system, scope: .all)
        _ = try? await directory.send(CommandEnvelope(id: .v7(), command, context: context), to: id)
    }

    func happen(_ random: inout Random) async {
        let id = ids[Int.random(in: 0..<3, using: &random)]
        let account = someAccount(&random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0:
            let commands: [Account.Command] = [
                .open(id: account, name: "A"), .rename("B\(Int.random(in: 0..<9, using: &random))"), .deactivate,
                .activate,
            ]
            await send(commands[Int.random(in: 0..<4, using: &random)], to: account.rawValue, of: accounts)
        case 1:
            let raised = AlertRaised(
                account: account, device: id, kind: "silence", severity: .warning, title: "Silent", text: "")
            let commands: [Alert.Command] = [.raise(raised), .acknowledge(note: "seen"), .clear(reason: "heard")]
            let alert = "\(id)-\(Int.random(in: 0..<4, using: &random))"
            await send(commands[Int.random(in: 0..<3, using: &random)], to: alert, of: alerts)
        case 2:
            let plan = RolloutPlan(
                account: account, version: "2.0",
                artifact: FirmwareArtifact(url: "http://f/2", sha256: String(repeating: "0", count: 64)),
                devices: ids, groupSize: 2, successThreshold: 80, errorThreshold: 20, attempts: 2, deviceTimeout: 60)
            let commands: [Rollout.Command] = [
                .create(plan), .openGroup(0), .markNotified(["a", "b"]), .pause(reason: "lunch"), .resume,
                .report(FirmwareReport(device: id, status: .downloading, version: "1.0")),
                .report(FirmwareReport(device: id, status: .succeeded, version: "2.0")),
            ]
            let rollout = "r-\(Int.random(in: 0..<2, using: &random))"
            await send(commands[Int.random(in: 0..<7, using: &random)], to: rollout, of: rollouts)
        default:
            let standing = AccountStanding(id: account, isActive: true)
            let registration = Registration(
                serial: id, type: DeviceType("water"), name: "", labels: [:], account: standing)
            let reading = Telemetry(
                metrics: ["level": .number(Double.random(in: 0..<9, using: &random)), "wet": .flag(true)], seq: nil,
                clock: .device, arrival: noon + .seconds(86_400))
            let commands: [Device.Command] = [
                .register(registration), .recordTelemetry(reading), .recordTelemetry(reading), .assign(standing),
            ]
            let time = noon + .seconds(Int64.random(in: -7_200..<7_200, using: &random))
            await send(commands[Int.random(in: 0..<4, using: &random)], to: id, of: devices, at: time)
        }
    }
}

private func someAccount(_ random: inout Random) -> AccountID {
    AccountID(accountNames[Int.random(in: 0..<accountNames.count, using: &random)])
}

/// All that the views answer.
private struct Answers: Equatable {
    var accounts: [AccountRow]
    var devices: [DeviceRow]
    var alerts: [AlertRow]
    var alertCounts: Set<AlertCount>
    var rollouts: [RolloutRow]
    var installations: [String: [RolloutDeviceRow]] = [:]
    var windows: [String: [MetricWindow]] = [:]

    /// - Parameter single: the views in which one stream is asked for.
    init(
        _ views: any ViewQueries, scope: AccountScope, single: (String, StreamName) async throws -> any ViewQueries
    ) async throws {
        accounts = try await views.accounts(scope: scope, after: nil, limit: 100)
        devices = try await views.devices(scope: scope, where: DeviceFilter(), after: nil, limit: 100)
        alerts = try await views.alerts(AlertFilter(), scope: scope, after: nil, limit: 100)
        alertCounts = Set(try await views.alertCounts())
        rollouts = try await views.rollouts(scope: scope, state: nil, after: nil, limit: 100)
        for row in accounts { #expect(try await views.account(row.id.rawValue, scope: scope) == row) }
        for row in alerts { #expect(try await views.alert(row.id, scope: scope) == row) }
        for row in rollouts {
            #expect(try await views.rollout(row.id, scope: scope) == row)
            let stream = StreamName(category: Rollout.category, id: row.id)
            installations[row.id] = try await single("rollout-devices", stream)
                .devices(ofRollout: row.id, state: nil, after: nil, limit: 100)
        }
        for row in devices {
            #expect(try await views.device(row.id, scope: scope) == row)
            for resolution in WindowsWanted.Resolution.allCases {
                let wanted = WindowsWanted(
                    device: row.id, metrics: ["level", "wet"], resolution: resolution, from: noon - .seconds(86_400),
                    to: noon + .seconds(86_400), after: nil, limit: 1_000)
                windows["\(row.id) \(resolution)"] = try await single(
                    "telemetry", StreamName(category: Device.category, id: row.id)
                ).windows(wanted, scope: scope)
            }
        }
    }
}

@Suite(.timeLimit(.minutes(5))) struct `The past of each view` {
    private let scopes = [AccountScope.all] + accountNames.map { .only(AccountID($0)) }

    @Test(arguments: [1, 2, 3] as [UInt64]) func `is what the live one was at that position, whatever has happened`(
        _ seed: UInt64
    ) async throws {
        try await PostgresLog.with { log in
            let live: any ViewQueries = PostgresFleetQueries(pool: log.pool)
            let seen = try await log.withLiveViews {
                let happenings = Happenings(log)
                var random = Random(state: seed &* 0x9E37_79B9_7F4A_7C15 &+ 1)
                var seen: [(position: Int64, answers: [Answers])] = []
                for _ in 0..<5 {
                    for _ in 0..<60 { await happenings.happen(&random) }
                    let position = try await log.viewsReachHead()
                    var answers: [Answers] = []
                    for scope in scopes { answers.append(try await Answers(live, scope: scope) { _, _ in live }) }
                    seen.append((position, answers))
                }
                return seen
            }
            let last = try #require(seen.last?.answers.first)
            #expect(last.accounts.count == 2 && last.devices.count == 3 && last.rollouts.count == 2)
            #expect(!last.alerts.isEmpty && last.windows.values.contains { $0.count > 3 })
            // So little memory that rows are stored and read again.
            try await log.withPasts({ $0.rows = seed == 1 ? 1 : 50_000 }) { past in
                for (position, answers) in seen.shuffled() {
                    let views = try await past.views(["accounts", "alerts", "devices", "rollouts"], asOf: position)
                    for (scope, wanted) in zip(scopes, answers) {
                        let found = try await Answers(views, scope: scope) { name, stream in
                            try await past.views([name], of: stream, asOf: position)
                        }
                        #expect(found == wanted, "as of \(position), \(scope)")
                    }
                }
            }
        }
    }

    @Test func `that was not asked for does not answer with the present`() async throws {
        try await PostgresLog.with { log in
            let fleet = Fleet(log)
            try await fleet.register("a")
            try await log.withPasts { past in
                let views = try await past.views(["accounts"], asOf: 1)
                await #expect(throws: QueryError.self) { _ = try await views.device("a", scope: .all) }
                await #expect(throws: QueryError.self) { _ = try await views.fleetCounts() }
                await #expect(throws: QueryError.self) { _ = try await views.driftedClocks() }
                await #expect(throws: QueryError.self) {
                    _ = try await views.devices(
                        selectedBy: .type("water"), account: .default, limit: 9)
                }
            }
        }
    }

    @Test func `of one stream does not wait for a whole one`() async throws {
        try await PostgresLog.with { log in
            let fleet = Fleet(log)
            try await fleet.register("a")
            try await fleet.report(1, from: "a", at: noon)
            let holder = PostgresPool(
                url: try DatabaseURL(log.database.superuserURL), size: 1, threads: [log.thread],
                logger: Logger(label: "test"))
            defer { holder.close() }
            try await log.withPasts { past in
                let whole = try await holder.withTransaction { connection in
                    _ = try await connection.query(
                        Statement.unprepared("hold", "lock table devices in share mode", effect: .writes)())
                    let whole = Task { _ = try await past.views(["devices"], asOf: 2) }
                    try await eventually("the builder waits") {
                        try await log.number(
                            "select count(*) from pg_locks where relation = 'devices'::regclass and not granted") > 0
                    }
                    _ = try await past.views(["telemetry"], of: StreamName("device-a"), asOf: 2)
                    return whole
                }
                try await whole.value
            }
        }
    }

    @Test func `holds of one stream nothing else, and leaves room for whole ones`() async throws {
        try await PostgresLog.with { log in
            let fleet = Fleet(log)
            for id in ["a", "b"] {
                try await fleet.register(id)
                for number in 0..<20 { try await fleet.report(Double(number), from: id, at: noon) }
            }
            let head = try await log.store.head().position
            @Sendable func wanted(_ id: String) -> WindowsWanted {
                WindowsWanted(
                    device: id, metrics: ["level"], resolution: .hour, from: noon, to: noon + .seconds(3_600),
                    after: nil,
                    limit: 9)
            }
            try await log.withPasts({ $0.time = .zero }) { past in
                let reason = "to fold its events up to there takes longer than 0.0 seconds"
                await #expect(throws: PastViewError.failed(reason: reason)) {
                    _ = try await past.views(["telemetry"], of: StreamName("device-b"), asOf: head)
                }
            }
            try await log.withPasts { past in
                let stream = try #require(StreamName("device-a"))
                let views = try await past.views(["telemetry"], of: stream, asOf: head)
                #expect(try await views.windows(wanted("a"), scope: .all).map(\.summary.count) == [20])
                #expect(try await views.windows(wanted("b"), scope: .all).isEmpty)
                let foreign = AccountScope.only(AccountID("other"))
                #expect(try await views.windows(wanted("a"), scope: foreign).isEmpty)
                // The one that could not be folded counts as well.
                for position in 1..<head where position <= 31 {
                    if position == 31 {
                        await #expect(throws: PastViewError.tooMany) {
                            _ = try await past.views(["telemetry"], of: stream, asOf: position)
                        }
                    } else {
                        _ = try await past.views(["telemetry"], of: stream, asOf: position)
                    }
                }
                let whole = try await past.views(["telemetry"], asOf: head)
                #expect(try await whole.windows(wanted("b"), scope: .all).map(\.summary.count) == [20])
            }
        }
    }
}
