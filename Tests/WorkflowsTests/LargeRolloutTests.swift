import Aggregates
import Logging
import Runtime
import Support
import Synchronization
import Testing
import Workflows

/// What a rollout of many devices costs per report, by what it reads and writes; the clock has no say in it.
@Suite(.serialized, .timeLimit(.minutes(5))) struct `A rollout of 10,000 devices` {
    @Test func `writes and reads no more for a late report than for an early one`() async throws {
        try await PostgresLog.with { log in
            let rollout = LargeRollout(log: log, devices: 10_000, groupSize: 100)
            try await rollout.countWrites()
            var costs: [LargeRollout.Cost] = []
            try await rollout.run { costs.append($0) }
            #expect(costs.count == 10)
            let early = costs[1]
            for cost in costs {
                // Three reports of each of a thousand devices, ten groups, and what notifies them.
                #expect(cost.events == 3_000 + 2 * 10)
                // The number of a group has a digit more or less.
                #expect(cost.eventBytes < early.eventBytes + 3 * cost.events)
                // The actor knows what it has stored itself; only who looks while it is storing reads an event again.
                #expect(cost.eventsRead < 100)
                // A snapshot holds all devices and the window of commands; it is written every 2,500 events.
                #expect(cost.snapshots <= 2)
                #expect(cost.largestSnapshot < 400_000)
                #expect(cost.states <= 11)
                #expect(cost.largestState < 400)
            }
            // Up to 100 devices are between two reports when a snapshot is taken; what grew with the 5,000 that have reported
            // since would be far more.
            #expect(costs[9].largestSnapshot < costs[4].largestSnapshot + 20_000)
            #expect(costs.reduce(0) { $0 + $1.snapshots } <= 13)
        }
    }
}

/// Ten thousand devices that do as they are told, their rollout's actor, and the workflow that drives it.
private struct LargeRollout: Sendable {
    struct Cost: Sendable {
        var events: Int64 = 0
        var eventBytes: Int64 = 0
        var eventsRead: Int64 = 0
        var snapshots: Int64 = 0
        var largestSnapshot: Int64 = 0
        var states: Int64 = 0
        var largestState: Int64 = 0
    }

    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let log: PostgresLog
    let plan: RolloutPlan
    let store: CountingStore
    let directory: Directory<Rollout>

    init(log: PostgresLog, devices: Int, groupSize: Int) {
        self.log = log
        store = CountingStore(log.store)
        directory = Directory(store: store, snapshots: log.snapshots)
        plan = RolloutPlan(
            account: .default, version: "2.0",
            artifact: FirmwareArtifact(url: "http://f/2", sha256: String(repeating: "0", count: 64)),
            devices: (0..<devices).map { "d\(10_000 + $0)" }, groupSize: groupSize, successThreshold: 100,
            errorThreshold: 0)
    }

    /// Has the database note each row of a snapshot and of a workflow's state that is written.
    func countWrites() async throws {
        let owner = try await PostgresConnection.connect(
            to: try DatabaseURL(log.database.superuserURL), on: log.thread, logger: logger)
        try await owner.runScript(
            """
            create table written (kind text not null, bytes bigint not null);
            grant all on written to public;
            create function note_snapshot() returns trigger language plpgsql as $$
            begin insert into written values ('snapshot', new.uncompressed_size); return null; end $$;
            create function note_state() returns trigger language plpgsql as $$
            begin insert into written values ('state', octet_length(new.state::text)); return null; end $$;
            create trigger note after insert or update on snapshots for each row execute function note_snapshot();
            create trigger note after insert or update on workflow_states for each row execute function note_state();
            """)
        await owner.close()
    }

    /// - Parameter report: gets what each thousand devices have cost.
    func run(_ report: (Cost) -> Void) async throws {
        let runner = WorkflowRunner(
            [WorkflowHost(RolloutDriver.self)], store: log.store, pool: log.pool,
            dispatch: CommandDispatch(devices: NoSink(), alerts: NobodysAlerts(), rollouts: DirectorySink(directory)),
            lease: SoleServer(),
            server: "s1", logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await runner.run() }
            defer { group.cancelAll() }
            try await send([.create(plan)])
            var position = try await groupOpens(1)
            for first in stride(from: 0, to: plan.devices.count, by: plan.groupSize) {
                let devices = plan.devices[first..<first + plan.groupSize]
                try await send([.markNotified(Array(devices))])
                for status in [FirmwareReport.Status.downloading, .installing, .succeeded] {
                    try await send(
                        devices.map { .report(FirmwareReport(device: $0, status: status, version: plan.version)) })
                }
                let done = first + plan.groupSize
                if done < plan.devices.count {
                    _ = try await groupOpens(done / plan.groupSize + 1)
                } else {
                    try await eventually("the rollout's end") { try await state.status == .finished }
                }
                guard done.isMultiple(of: 1_000) else { continue }
                await log.snapshots.writeAll()
                let head = try await log.store.head().position
                report(try await cost(after: position, upTo: head))
                position = head
            }
        }
    }

    private var state: Rollout.State {
        get async throws { try await directory.recall("r1").state }
    }

    /// Returns the log's head when this many groups are open.
    private func groupOpens(_ count: Int) async throws -> Int64 {
        try await eventually("group \(count)") { try await state.openedGroups == count }
        return try await log.store.head().position
    }

    private func send(_ commands: [Rollout.Command]) async throws {
        let context = CommandContext(time: .now(), principal: .system, scope: .all)
        let envelopes = commands.map { CommandEnvelope<Rollout.Command>(id: .v7(), $0, context: context) }
        for result in await directory.send([("r1", envelopes)])[0] { #expect(try result.get().effect == .recorded) }
    }

    private func cost(after start: Int64, upTo end: Int64) async throws -> Cost {
        let events = Statement.unprepared(
            "events",
            """
            select count(*), coalesce(sum(octet_length(data::text)), 0)::bigint from events
            where category = 'rollout' and position > \(start) and position <= \(end)
            """)
        let written = Statement.unprepared(
            "written",
            """
            with taken as (delete from written returning kind, bytes)
            select count(*) filter (where kind = 'snapshot'),
                coalesce(max(bytes) filter (where kind = 'snapshot'), 0),
                count(*) filter (where kind = 'state'), coalesce(max(bytes) filter (where kind = 'state'), 0)
            from taken
            """, effect: .writes)
        var cost = Cost()
        let rows = try await log.pool.withConnection { try await $0.run([events(), written()]) }
        let (event, other) = (try #require(rows[0].first), try #require(rows[1].first))
        (cost.events, cost.eventBytes) = (try event.int8(0), try event.int8(1))
        (cost.snapshots, cost.largestSnapshot) = (try other.int8(0), try other.int8(1))
        (cost.states, cost.largestState) = (try other.int8(2), try other.int8(3))
        cost.eventsRead = store.takeEventsRead()
        return cost
    }
}

/// Counts the events that are read of streams.
private final class CountingStore: EventStore {
    private let inner: PostgresEventStore
    private let eventsRead = Mutex<Int64>(0)

    init(_ inner: PostgresEventStore) { self.inner = inner }

    var signal: LogSignal { inner.signal }

    func takeEventsRead() -> Int64 {
        eventsRead.withLock { read in
            defer { read = 0 }
            return read
        }
    }

    func append(_ append: Append) async throws(EventStoreError) -> AppendOutcome { try await inner.append(append) }

    func readStream(
        _ stream: StreamName, from version: Int64, after position: Int64, limit: Int
    ) async throws(EventStoreError) -> [RecordedEvent] {
        let events = try await inner.readStream(stream, from: version, after: position, limit: limit)
        eventsRead.withLock { $0 += Int64(events.count) }
        return events
    }

    func readLog(after position: Int64, where filter: LogFilter, limit: Int) async throws(EventStoreError) -> LogPage {
        try await inner.readLog(after: position, where: filter, limit: limit)
    }

    func acceptances(of commands: [UUID128]) async throws(EventStoreError) -> [RecordedAcceptance] {
        try await inner.acceptances(of: commands)
    }

    func head() async throws(EventStoreError) -> LogHead { try await inner.head() }
}

private struct SoleServer: Lease {
    func lead(_ body: @escaping @Sendable () async -> Void) async { await body() }
}

private struct NobodysAlerts: CommandSink {
    func send(_ batches: [(id: String, commands: [OutboundCommand<Alert.Command>])]) async -> [[CommandVerdict]] {
        batches.map { $0.commands.map { _ in .accepted } }
    }
}
