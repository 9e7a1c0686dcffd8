import Aggregates
import Runtime
import Support
import Synchronization
import Testing

@testable import Workflows

/// A place in the runner's work at which it stops for good.
enum FaultPoint: String, CaseIterable, Sendable {
    case decided, recorded, sending, sent, marked, due, fired

    func matches(_ happening: RunnerHappening) -> Bool {
        switch (self, happening) {
        case (.decided, .decided(let step)): step.decisions > 0 && step.fired == 0
        case (.recorded, .recorded(let step)): step.decisions > 0 && step.fired == 0
        case (.due, .decided(let step)): step.fired > 0
        case (.fired, .recorded(let step)): step.fired > 0
        case (.sending, .sending), (.sent, .sent), (.marked, .marked): true
        default: false
        }
    }
}

/// Holds a runner up at a fault point, as a server that is killed or stands still there, until it is let go.
private actor Freeze {
    private let point: FaultPoint
    private(set) var isReached = false
    private let released = LogSignal()

    init(at point: FaultPoint) { self.point = point }

    func see(_ happening: RunnerHappening) async {
        guard isReached || point.matches(happening) else { return }
        isReached = true
        await released.wait(past: 0, atMost: .seconds(300))
    }

    func release() { released.advance(to: 1) }
}

@Suite(.serialized, .timeLimit(.minutes(5))) struct `A server that stops while it runs workflows` {
    /// The time of the test: real until it is moved on, so that timers can elapse.
    private final class Clock: Sendable {
        private let offset = Mutex(Duration.zero)
        var now: Timestamp { .now() + offset.withLock { $0 } }
        func advance(by duration: Duration) { offset.withLock { $0 += duration } }
    }

    @Test(arguments: FaultPoint.allCases)
    func `loses nothing and doubles nothing`(_ point: FaultPoint) async throws {
        try await RunnerHarness.with { harness in
            let clock = Clock()
            let directory = Directory<TestAlert>(store: harness.log.store, snapshots: harness.log.snapshots)
            let freeze = Freeze(at: point)
            let ends = Happenings()
            let first = harness.runner(
                sink: DirectorySink(directory), server: "first", now: { clock.now },
                observe: { happening in
                    await ends.note(happening)
                    await freeze.see(happening)
                })
            let second = harness.runner(
                sink: DirectorySink(Directory<TestAlert>(store: harness.log.store, snapshots: harness.log.snapshots)),
                server: "second", now: { clock.now })
            let devices = (0..<10).map { "d\($0)" }
            for device in devices { try await harness.report(device, 60) }

            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await first.run() }
                if point == .due || point == .fired {
                    try await eventually(within: .seconds(60)) { try await harness.count("timers") == 10 }
                    clock.advance(by: .seconds(11))
                }
                try await eventually(within: .seconds(60), "the fault point") { await freeze.isReached }
                group.addTask { try await second.run() }
                // The second does all there is to do, and time passes for the timers.
                try await eventually(within: .seconds(60)) {
                    try await harness.count("timers") == 10 || point == .fired || point == .due
                }
                if point != .due && point != .fired { clock.advance(by: .seconds(11)) }
                try await eventually(within: .seconds(60), "every decision") {
                    for device in devices where try await harness.decisions(of: device).count < 2 { return false }
                    return try await harness.count("workflow_outbox") == 0
                }
                // The first comes to life and goes on with what it was about to do.
                await freeze.release()
                try await eventually(within: .seconds(60), "the first notices") { await ends.all.contains(.fenced) }
                for device in devices { try await harness.report(device, 20) }
                try await eventually(within: .seconds(60), "every end") {
                    for device in devices where try await harness.decisions(of: device).count < 3 { return false }
                    return try await harness.count("workflow_outbox") == 0
                }
                group.cancelAll()
            }
            for device in devices {
                let types = try await harness.decisions(of: device).map(\.type)
                #expect(types == ["TripwireRaised", "TripwireChecked", "TripwireCleared"])
                let alert = try await harness.log.store.readStream(
                    StreamName(category: "alert", id: "tripwire-\(device)-0"), from: 1, limit: 10)
                #expect(alert.map(\.type) == ["AlertRaised", "AlertAcknowledged", "AlertCleared"])
            }
            #expect(try await harness.count("timers") == 0)
            #expect(try await harness.count("workflow_failures") == 0)
        }
    }

    private func lease(_ harness: RunnerHarness, _ server: String) throws -> PostgresLease {
        var pace = PostgresLease.Pace()
        pace.renewal = .milliseconds(100)
        pace.patience = .milliseconds(700)
        return PostgresLease(
            .workflows, url: try DatabaseURL(harness.log.database.serverURL), on: harness.log.thread, server: server,
            logger: RunnerHarness.logger, pace: pace)
    }

    @Test func `hands over when its connection ends`() async throws {
        try await RunnerHarness.with { harness in
            let (one, two) = (Happenings(), Happenings())
            let first = harness.runner(
                lease: try lease(harness, "first"), server: "first", observe: { await one.note($0) })
            let second = harness.runner(
                lease: try lease(harness, "second"), server: "second", observe: { await two.note($0) })
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await first.run() }
                try await eventually(within: .seconds(60)) {
                    await one.all.contains { if case .began = $0 { true } else { false } }
                }
                group.addTask { try await second.run() }
                try await harness.report("d1", 60)
                try await eventually(within: .seconds(60)) { try await harness.decisions(of: "d1").count == 1 }
                #expect(await two.all.isEmpty)
                // The first takes part again at once; whichever has it, one works.
                try await harness.execute(
                    "select pg_terminate_backend(backend_pid) from leases where role = 'workflows'")
                try await eventually(within: .seconds(60)) { await one.all.contains(.following) }
                for device in 2...5 { try await harness.report("d\(device)", 60) }
                try await eventually(within: .seconds(60)) {
                    for device in 2...5 where try await harness.decisions(of: "d\(device)").count != 1 { return false }
                    return harness.sink.taken.count == 5
                }
                group.cancelAll()
            }
        }
    }

    @Test func `loses the role when it stands still`() async throws {
        try await RunnerHarness.with { harness in
            let freeze = Freeze(at: .decided)
            let ends = Happenings()
            let holder = FrozenLease(log: harness.log)
            let first = harness.runner(
                lease: holder, server: "first",
                observe: { happening in
                    await ends.note(happening)
                    await freeze.see(happening)
                })
            let second = harness.runner(lease: try lease(harness, "second"), server: "second")
            try await harness.report("d1", 60)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await first.run() }
                try await eventually(within: .seconds(60)) { await freeze.isReached }
                group.addTask { try await second.run() }
                try await eventually(within: .seconds(60)) { try await harness.decisions(of: "d1").count == 1 }
                #expect(try await harness.count("leases where role = 'workflows' and holder = 'second'") == 1)
                await freeze.release()
                try await eventually(within: .seconds(60)) { await ends.all.contains(.fenced) }
                group.cancelAll()
            }
            #expect(try await harness.decisions(of: "d1").count == 1)
            #expect(harness.sink.taken.count == 1)
        }
    }
}

/// Has the role and does not renew its row, as a process that is stopped by a signal.
private struct FrozenLease: Lease {
    let log: PostgresLog

    func lead(_ body: @escaping @Sendable () async -> Void) async {
        guard let url = try? DatabaseURL(log.database.serverURL),
            let connection = try? await PostgresConnection.connect(
                to: url, on: log.thread, logger: RunnerHarness.logger)
        else { return }
        _ = try? await connection.query(Self.take(.int8(LeaseRole.workflows.key), .text("first"), .text("workflows")))
        await body()
        await connection.close()
        // One term is all it is for.
        try? await Task.sleep(for: .seconds(600))
    }

    private static let take = Statement(
        "hold a lease",
        """
        with lock as materialized (select pg_try_advisory_lock($1) as taken)
        insert into leases (role, holder, backend_pid, renewed_time)
        select $3, $2, pg_backend_pid(), clock_timestamp() from lock where taken
        on conflict (role) do update
        set holder = excluded.holder, backend_pid = excluded.backend_pid, renewed_time = excluded.renewed_time
        returning holder
        """)
}
