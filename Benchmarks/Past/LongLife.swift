import Aggregates
import Runtime

/// A device that has reported very often, with the snapshots that its actor has left.
struct LongLife: Sendable {
    /// The versions of its snapshots, in order.
    let snapshots: [Int64]
    private let stream: StreamName
    /// When each event was recorded.
    private let times: [Timestamp]

    private static let batch = 100

    init(events: Int, log: BenchLog) async throws {
        let written = PostgresSnapshotStore(pool: log.pool, logger: silent)
        let devices = Directory<Device>(store: log.store, snapshots: written)
        let registration = try BenchFleet().registration(of: 0)
        stream = registration.stream
        try await log.append([registration])
        for first in stride(from: 1, to: events, by: Self.batch) {
            let context = CommandContext(time: .now(), principal: .system, scope: .all)
            let readings = (first..<min(first + Self.batch, events)).map { number in
                CommandEnvelope<Device.Command>(id: .v7(), .recordTelemetry(Self.reading(number)), context: context)
            }
            for answers in await devices.send([(stream.id, readings)]) {
                for answer in answers { _ = try answer.get() }
            }
            // A device takes weeks for what this does in seconds: no snapshot is missed for want of time.
            await written.writeAll()
        }
        let name = PostgresValue.text(stream.description)
        let kept = Statement("bench_snapshots", "select version from snapshots where stream = $1 order by version")
        let recorded = Statement("bench_times", "select recorded_time from events where stream = $1 order by version")
        (snapshots, times) = try await log.pool.withConnection { connection in
            (
                try await connection.query(kept(name)).map { try $0.int8(0) },
                try await connection.query(recorded(name)).map { try $0.timestamp(0) }
            )
        }
        guard times.count == events else { throw BenchmarkFailed("the device has \(times.count) events") }
    }

    private static func reading(_ number: Int) -> Telemetry {
        Telemetry(
            metrics: [
                "battery": .number(3.5 + Double(number & 63) / 128), "humidity": .number(40 + Double(number & 127) / 4),
                "rssi": .number(-50 - Double(number & 31)), "temperature": .number(18 + Double(number & 63) / 8),
            ], seq: Int64(number), clock: .device)
    }

    var path: String { "/api/v1/devices/\(stream.id)" }

    func time(of version: Int64) -> String { times[Int(version) - 1].description }

    /// Microseconds, the 99th percentile: the newest snapshot not after each version, and the events between the two.
    func readPlainly(_ versions: [Int64], _ url: String) throws -> Double {
        let connection = try PlainConnection(url)
        try connection.prepare(Self.snapshot, types: [25, 20])
        try connection.prepare(Self.tail, types: [25, 20, 20])
        try connection.enterPipeline()
        var latencies = Latencies()
        for version in versions {
            let last = snapshots.last { $0 <= version } ?? 0
            let name = PostgresValue.text(stream.description)
            let taken = try ContinuousClock().measure {
                try connection.run(PlainBatch([Self.snapshot(name, .int8(version))]))
                try connection.run(PlainBatch([Self.tail(name, .int8(last), .int8(version))]))
            }
            latencies.add(taken)
        }
        return latencies.percentile(99) / .microseconds(1)
    }

    private static let snapshot = Statement(
        "plain_snapshot",
        "select version, data from snapshots where stream = $1 and version <= $2 order by version desc limit 1")
    private static let tail = Statement(
        "plain_tail",
        """
        select position, version, id, type, schema_version, account, observed_time, recorded_time, principal, command_id,
            causation_id, correlation_id, trace_parent, data
        from events where stream = $1 and version > $2 and version <= $3 order by version
        """)
}
