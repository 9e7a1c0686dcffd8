import Runtime
import Synchronization

/// Watches how far the view `devices` has come, and when.
final class ViewWatch: Sendable {
    private let thread: PollThread
    private let pool: PostgresPool
    private let seen = Mutex<[(position: Int64, time: Timestamp)]>([])

    private static let interval = Duration.milliseconds(2)
    private static let position = Statement(
        "watch_view",
        """
        select position from checkpoints join projections on name = projection and live_generation = generation
        where name = 'devices'
        """)
    private static let readings = Statement(
        "watch_readings",
        """
        select coalesce(sum(telemetry_count), 0)::bigint from devices
        join projections on projections.name = 'devices' and live_generation = devices.generation
        where devices.id = any ($1)
        """)
    private static let times = Statement(
        "watch_times",
        """
        select position, observed_time from events where type = 'TelemetryRecorded' and position > $1
        order by position limit 50000
        """)

    init(_ url: String) throws {
        thread = try PollThread(name: "watching")
        pool = PostgresPool(url: try DatabaseURL(url), size: 2, threads: [thread], logger: silent)
    }

    deinit {
        pool.close()
        thread.shutdown()
    }

    /// Watches while `body` runs.
    func run<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while !Task.isCancelled {
                    let position = try await self.pool.withConnection {
                        try await $0.query(Self.position()).first?.int8(0) ?? 0
                    }
                    let now = Timestamp.now()
                    self.seen.withLock { if position > $0.last?.position ?? 0 { $0.append((position, now)) } }
                    try? await Task.sleep(for: Self.interval)
                }
            }
            defer { group.cancelAll() }
            return try await body()
        }
    }

    /// Readings that the view has counted of these devices; a duplicate is none.
    func readings(of devices: [String]) async throws -> Int {
        Int(
            try await pool.withConnection {
                try await $0.query(Self.readings(.textArray(devices))).first?.int8(0) ?? 0
            })
    }

    /// From the device's own time of each reading between the two until the view was seen beyond it, minute by minute.
    func latencies(from begin: Timestamp, to end: Timestamp) async throws -> [Latencies] {
        let seen = seen.withLock { $0 }
        let minutes = Int((end.microseconds - begin.microseconds) / 60_000_000) + 1
        var (latencies, next) = ([Latencies](repeating: Latencies(), count: minutes), 0)
        var position: Int64 = 0
        while true {
            let rows = try await pool.withConnection { [position] in
                try await $0.query(Self.times(.int8(position)))
            }
            guard !rows.isEmpty else { return latencies }
            for row in rows {
                position = try row.int8(0)
                let time = try row.timestamp(1)
                while next < seen.count, seen[next].position < position { next += 1 }
                guard begin <= time, time < end, next < seen.count else { continue }
                latencies[Int((time.microseconds - begin.microseconds) / 60_000_000)].add(
                    .microseconds(seen[next].time.microseconds - time.microseconds))
            }
        }
    }
}
