import Aggregates
import Foundation
import Runtime
import Workflows

/// 100,000 devices that are found silent within one minute, by a timer each: how late these decisions are recorded,
/// beside deleting the same rows with the same statement loop and nothing else.
struct TimersBenchmark {
    private static let runs = 2
    /// In which the timers are stored, and the runner takes the states of the devices into memory.
    private static let settingUp = Duration.seconds(20)

    func run(progress: @Sendable (String) -> Void, report: @Sendable (Measure) throws -> Void) async throws {
        try await ThrowawayServers.with { servers in
            var (fired, deleted) = (Samples(), Samples())
            for run in 1...Self.runs {
                fired.add(
                    try await servers.withDatabase { url in
                        try await BenchLog.with(url) { log in try await Self.fire(log) }
                    })
                deleted.add(
                    try await servers.withDatabase { url in
                        try await BenchLog.with(url) { log in try await Self.delete(log) }
                    })
                progress("timers: run \(run) of \(Self.runs)")
            }
            try report(Measure("timers.\(BenchFleet.devices).lateness", unit: "ms", of: fired, beside: deleted))
        }
    }

    private static func fire(_ log: BenchLog) async throws -> Double {
        try await setTimers(log, in: settingUp)
        try await log.withRunner { happenings in
            var count = 0
            for await happening in happenings {
                if case .recorded(let step) = happening { count += step.fired }
                if count >= BenchFleet.devices { break }
            }
        }
        let percentile = Statement(
            "lateness",
            """
            select count(*), coalesce(percentile_cont(0.99) within group (
                order by extract(epoch from recorded_time - observed_time)::float8), 0) * 1000
            from events where type = 'DeviceWentOffline'
            """)
        let row = try await log.pool.withConnection { try await $0.query(percentile()).first }
        guard let row, try row.int8(0) == Int64(BenchFleet.devices) else {
            throw BenchmarkFailed("not every timer fired once")
        }
        return try row.float8(1)
    }

    private static func delete(_ log: BenchLog) async throws -> Double {
        try await setTimers(log, in: settingUp)
        let statement = Statement(
            "delete due timers",
            "delete from timers where due_time <= clock_timestamp() returning due_time, clock_timestamp()")
        var latencies = Latencies()
        var count = 0
        while count < BenchFleet.devices {
            let rows = try await log.pool.withConnection { try await $0.query(statement()) }
            let now = Timestamp.now()
            for row in rows { latencies.add(now - (try row.timestamp(0))) }
            count += rows.count
            try await Task.sleep(for: .milliseconds(10))
        }
        return latencies.percentile(99) / .milliseconds(1)
    }

    /// Devices that were last heard of an hour ago, and their timers, spread over a minute.
    private static func setTimers(_ log: BenchLog, in delay: Duration) async throws {
        try await setGrace(log)
        var state = Silence.initial
        state.device = "bench"
        state.type = DeviceType("temperature")
        state.lastSeen = .now() - .seconds(3_600)
        state.interval = state.type.silenceInterval
        state.armedBy = 1
        let json = String(decoding: try JSONEncoder().encode(state), as: UTF8.self)
        let states = Statement(
            "silent devices",
            """
            insert into workflow_states (workflow, key, position, event, version, state_version, state, account, streams)
            select 'silence', 'bench' || n, n, gen_random_uuid(), 0, $1, $2, 'default', array['device-bench' || n]
            from generate_series(1, $3) n
            """)
        let timers = Statement(
            "silence timers",
            """
            insert into timers (workflow, key, name, due_time)
            select 'silence', 'bench' || n, 'silence', now() + make_interval(secs => $1) + random() * interval '1 minute'
            from generate_series(1, $2) n
            """)
        let count = PostgresValue.int8(Int64(BenchFleet.devices))
        _ = try await log.pool.withTransaction { connection in
            _ = try await connection.query(states(.int4(Silence.stateVersion), .json(Array(json.utf8)), count))
            return try await connection.query(timers(.float8(delay / .seconds(1)), count)).affected
        }
    }

    /// The timers that follow from these are not due before the end.
    private static func setGrace(_ log: BenchLog) async throws {
        let settings = AccountSettings(silence: AccountSettings.Silence(grace: 3_600))
        let encoded = try Account.codec.encode(.settingsChanged(AccountSettingsChanged(settings: settings)))
        let event = NewEvent(
            id: .v7(), type: encoded.type, schemaVersion: encoded.schemaVersion, observedTime: .now(),
            data: encoded.data, metadata: EventMetadata(principal: .system, account: .default, commandID: .v7()))
        try await log.append([
            StreamChange(StreamName(category: "account", id: "default"), expecting: 0, events: [event])
        ])
    }
}
