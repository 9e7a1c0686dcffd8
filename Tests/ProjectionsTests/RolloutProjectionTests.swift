import Aggregates
import Logging
import Projections
import Runtime
import Support
import Testing

/// A rollout that a test drives through its actor, with both its views live.
private struct LiveRollouts {
    let log: PostgresLog
    let rollouts: Directory<Rollout>
    var queries: PostgresFleetQueries { PostgresFleetQueries(pool: log.pool) }

    static func with(_ body: @Sendable (LiveRollouts) async throws -> Void) async throws {
        try await PostgresLog.with { log in
            let live = LiveRollouts(log: log, rollouts: Directory(store: log.store, snapshots: log.snapshots))
            let logger = Logger(label: "test")
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await ProjectionRunner(
                        RolloutsProjection.self, log: log.store, pool: log.pool, logger: logger
                    ).run()
                }
                group.addTask {
                    try await ProjectionRunner(
                        RolloutDevicesProjection.self, log: log.store, pool: log.pool, logger: logger
                    ).run()
                }
                defer { group.cancelAll() }
                try await body(live)
            }
        }
    }

    func send(_ commands: Rollout.Command..., to id: String = "r1") async throws {
        for command in commands {
            try await rollouts.send(
                CommandEnvelope(
                    id: .v7(), command, context: CommandContext(time: .now(), principal: .system, scope: .all)), to: id)
        }
    }

    func create(_ id: String = "r1", devices: Int = 5, account: AccountID = .default) async throws {
        let plan = RolloutPlan(
            account: account, version: "2.0",
            artifact: FirmwareArtifact(url: "http://f/2", sha256: String(repeating: "0", count: 64)),
            devices: (0..<devices).map { "d\($0)" }, groupSize: 3, successThreshold: 80, errorThreshold: 20,
            attempts: 2, deviceTimeout: 60)
        try await send(.create(plan), to: id)
    }

    func report(_ device: String, _ status: FirmwareReport.Status, version: String = "2.0") -> Rollout.Command {
        .report(FirmwareReport(device: device, status: status, version: version))
    }

    func viewsReachHead() async throws {
        let head = try await log.store.head().position
        try await eventually("the views at the head") {
            try await queries.projections().filter { $0.name.hasPrefix("rollout") }.allSatisfy { $0.position >= head }
        }
    }
}

@Suite struct `The views of rollouts` {
    @Test func `show how far the rollout and each of its devices have come`() async throws {
        try await LiveRollouts.with { live in
            try await live.create()
            try await live.send(
                .openGroup(0), .markNotified(["d0", "d1", "d2"]), live.report("d0", .downloading),
                live.report("d1", .succeeded), live.report("d2", .failed, version: "1.0"), .pause(reason: "lunch"))
            try await live.viewsReachHead()
            let row = try #require(try await live.queries.rollout("r1", scope: .all))
            var counts = InstallationCounts(scheduled: 3)
            counts.downloading = 1
            counts.succeeded = 1
            #expect(row.counts == counts)
            #expect(row.state == .paused)
            #expect(row.reason == "lunch")
            #expect(row.firmware == "2.0")
            #expect((row.openedGroups, row.groups) == (1, 2))
            #expect(row.version == 7)
            #expect(row.counts == (try await live.rollouts.recall("r1").state.counts))
            let devices = try await live.queries.devices(ofRollout: "r1", state: nil, after: nil, limit: 9)
            #expect(devices.map(\.device) == ["d0", "d1", "d2", "d3", "d4"])
            #expect(devices.map(\.state) == [.downloading, .succeeded, .scheduled, .scheduled, .scheduled])
            #expect(devices.map(\.place) == [0, 1, 2, 3, 4])
            #expect(devices[2].reason == "the device reported a failure")
            #expect(devices[2].version == 6)

            try await live.send(.abort(reason: "bad"))
            try await live.viewsReachHead()
            let aborted = try #require(try await live.queries.rollout("r1", scope: .all))
            #expect(aborted.counts == (try await live.rollouts.recall("r1").state.counts))
            let cancelled = try await live.queries.devices(ofRollout: "r1", state: .cancelled, after: nil, limit: 9)
            #expect(cancelled.map(\.device) == ["d0", "d2", "d3", "d4"])
            let rest = try await live.queries.devices(ofRollout: "r1", state: .cancelled, after: "d2", limit: 1)
            #expect(rest.map(\.device) == ["d3"])
        }
    }

    @Test func `are asked only within an account and by state`() async throws {
        try await LiveRollouts.with { live in
            let other = AccountID("other")
            try await live.create("r1")
            try await live.create("r2", account: other)
            try await live.send(.openGroup(0), to: "r2")
            try await live.viewsReachHead()
            let queries = live.queries
            func ids(_ scope: AccountScope, _ state: Rollout.Status? = nil, after: String? = nil) async throws
                -> [String]
            {
                try await queries.rollouts(scope: scope, state: state, after: after, limit: 9).map(\.id)
            }
            #expect(try await ids(.all) == ["r1", "r2"])
            #expect(try await ids(.all, after: "r1") == ["r2"])
            #expect(try await ids(.all, .running) == ["r2"])
            #expect(try await ids(.only(other)) == ["r2"])
            #expect(try await ids(.only(other), .created) == [])
            #expect(try await queries.rollout("r1", scope: .only(other)) == nil)
        }
    }

    @Test func `are the same after a rebuild`() async throws {
        try await LiveRollouts.with { live in
            try await live.create("r1", devices: 500)
            try await live.create("r2")
            try await live.send(.openGroup(0), .openGroup(1), .markNotified(["d0", "d1", "d4"]))
            for _ in 0..<3 {
                try await live.send(
                    live.report("d0", .failed), .retry(device: "d0", attempt: 2), live.report("d4", .installing))
            }
            try await live.send(.timeOut(device: "d1", attempt: 1), .abort(reason: "bad"))
            try await live.viewsReachHead()
            let log = live.log
            let rollouts = try await log.rebuild("rollouts").comparison
            #expect(rollouts?.isIdentical == true && rollouts?.nextRows == 2)
            let devices = try await log.rebuild("rollout-devices").comparison
            #expect(devices?.isIdentical == true && devices?.nextRows == 505)
            #expect(try await live.queries.rollout("r1", scope: .all)?.state == .aborted)
        }
    }
}
