import Aggregates
import Projections
import Runtime
import Support
import Testing

/// Rows that come of no event, each of the first stream: one of a stretch of time or a device of which it says nothing, and
/// one of an account that it never had or under another name.
private let strays = [
    "telemetry": [
        """
        insert into telemetry_windows select generation, device, metric, length, start - interval '1 hour', account, count,
            minimum, maximum, last, last_time, sum, squares, unsummed, provisional, minutes
        from telemetry_windows where device = 'a'
        """,
        """
        insert into telemetry_windows select generation, device, 'humidity', length, start, 'other', count,
            minimum, maximum, last, last_time, sum, squares, unsummed, provisional, minutes
        from telemetry_windows where device = 'a' and metric = 'level'
        """,
    ],
    "states": [
        "insert into states select generation, device, start - interval '1 day', account, facts, runs from states "
            + "where device = 'a'",
        "insert into states select generation, device, start, 'other', facts, runs from states where device = 'a'",
    ],
    "rollout-devices": [
        "insert into rollout_devices select generation, rollout, 'nobody', place, state, attempt, reason, changed_time, "
            + "version from rollout_devices where rollout = 'a' and device = 'd0'",
        "insert into rollout_devices select generation, rollout, 'd00', place, state, attempt, reason, changed_time, "
            + "version from rollout_devices where rollout = 'a' and device = 'd0'",
    ],
]

@Suite struct `A rebuild of one stream with many rows` {
    /// Two devices with a reading each, and two rollouts, in views that have caught up.
    private func withViews(_ body: @Sendable (PostgresLog) async throws -> Void) async throws {
        try await PostgresLog.with { log in
            let fleet = Fleet(log)
            let rollouts = Directory<Rollout>(store: log.store, snapshots: log.snapshots)
            for id in ["a", "b"] {
                try await fleet.register(id)
                let reading = Telemetry(
                    metrics: ["level": .number(1), "wet": .flag(true)], seq: nil, clock: .device, arrival: noon)
                try await fleet.send(.recordTelemetry(reading), to: id, at: noon)
                let plan = RolloutPlan(
                    account: .default, version: "2.0",
                    artifact: FirmwareArtifact(url: "http://f/2", sha256: String(repeating: "0", count: 64)),
                    devices: ["d0", "d1"], groupSize: 2, successThreshold: 80, errorThreshold: 20, attempts: 2,
                    deviceTimeout: 60)
                let context = CommandContext(time: noon, principal: .system, scope: .all)
                _ = try await rollouts.send(CommandEnvelope(id: .v7(), .create(plan), context: context), to: id)
            }
            try await log.withLiveViews { _ = try await log.viewsReachHead() }
            try await body(log)
        }
    }

    @Test(arguments: strays.keys.sorted()) func `takes away what comes of none of its events, and nothing else`(
        _ view: String
    ) async throws {
        let table = view == "telemetry" ? "telemetry_windows" : view.replacing("-", with: "_")
        try await withViews { log in
            let before = try await log.number("select count(*) from \(table)")
            let inserts = try #require(strays[view])
            for insert in inserts {
                #expect(try await log.number("with i as (\(insert) returning 1) select count(*) from i") > 0)
            }
            let added = try await log.number("select count(*) from \(table)") - before
            #expect(try await log.rebuilds().rebuild(view, only: "b").differingRows == 0)
            #expect(try await log.number("select count(*) from \(table)") == before + added)
            let outcome = try await log.rebuilds().rebuild(view, only: "a")
            #expect(outcome.differingRows == added)
            #expect(outcome.sample.allSatisfy { $0.live != nil && $0.next == nil })
            #expect(try await log.number("select count(*) from \(table)") == before)
            #expect(try await log.rebuilds().rebuild(view, only: "a").differingRows == 0)
        }
    }

    @Test(arguments: strays.keys.sorted()) func `takes away the rows of one that the log does not know`(
        _ view: String
    ) async throws {
        let table = view == "telemetry" ? "telemetry_windows" : view.replacing("-", with: "_")
        let column = view == "rollout-devices" ? "rollout" : "device"
        try await withViews { log in
            let moved = try await log.number(
                "with u as (update \(table) set \(column) = 'nobody' where \(column) = 'a' returning 1) "
                    + "select count(*) from u")
            let outcome = try await log.rebuilds().rebuild(view, only: "nobody")
            #expect(moved > 0 && outcome.differingRows == moved && outcome.events == 0)
            #expect(try await log.number("select count(*) from \(table) where \(column) = 'nobody'") == 0)
            await #expect(throws: RebuildError.unknownEntity) {
                try await log.rebuilds().rebuild(view, only: "nobody")
            }
        }
    }

    @Test(arguments: [false, true])
    func `is refused for one of which something has left the log, or leaves it meanwhile`(
        _ isMeanwhile: Bool
    ) async throws {
        try await withViews { log in
            if !isMeanwhile { try await log.asSuperuser(LeavingStore.floor(of: "device-a")) }
            let store: any EventStore = isMeanwhile ? LeavingStore(log: log) : log.store
            let rebuilds = PostgresRebuilds(views, store: store, pool: log.pool)
            await #expect(throws: RebuildError.retained(through: 1)) {
                try await rebuilds.rebuild("devices", only: "a")
            }
            #expect(try await log.number("select count(*) from devices where id = 'a'") == 1)
        }
    }
}

/// A log that the first event of a stream leaves as soon as the stream is read.
private struct LeavingStore: EventStore {
    let log: PostgresLog

    static func floor(of stream: String) -> String {
        "insert into stream_floors (stream, version, position) values ('\(stream)', 1, 1) on conflict do nothing"
    }

    var signal: LogSignal { log.store.signal }

    func append(_ append: Append) async throws(EventStoreError) -> AppendOutcome { try await log.store.append(append) }

    func readStream(
        _ stream: StreamName, from version: Int64, after position: Int64, limit: Int
    ) async throws(EventStoreError) -> [RecordedEvent] {
        do {
            try await log.asSuperuser(Self.floor(of: stream.description))
        } catch {
            throw .unavailable(reason: String(describing: error))
        }
        return try await log.store.readStream(stream, from: version, after: position, limit: limit)
            .filter { $0.version > 1 }
    }

    func floor(of stream: StreamName) async throws(EventStoreError) -> StreamPlace? {
        try await log.store.floor(of: stream)
    }

    func readLog(after position: Int64, where filter: LogFilter, limit: Int) async throws(EventStoreError) -> LogPage {
        try await log.store.readLog(after: position, where: filter, limit: limit)
    }

    func acceptances(of commands: [UUID128]) async throws(EventStoreError) -> [RecordedAcceptance] {
        try await log.store.acceptances(of: commands)
    }

    func head() async throws(EventStoreError) -> LogHead { try await log.store.head() }
}
