import Projections
import Runtime

/// The windows of the view `telemetry`, each as a row of its own: what a view costs that does not pack them.
struct WindowsAsRows {
    /// In the view's own table, which keeps the columns of its first definition.
    private static let table = """
        \(TelemetryProjection.table) (
            generation, device, metric, length, start, account, count, minimum, maximum, last, last_time, sum, squares,
            unsummed)
        """
    private static let generation: Int32 = 1_001
    /// Some ten megabytes of hours, which are fifteen times as much here.
    private static let blocksOfPortion = 1_200
    private static let windowBytes = 200

    let url: String
    let events: Int64

    /// Events a second whose windows are copied by bare libpq into the same table with the same index.
    func copied() async throws -> Double {
        try await BenchLog.with(url) { log in
            let to = try PlainConnection(url)
            let blocks = try await TelemetryTable.blocks(log.pool)
            var copying = Duration.zero
            for start in stride(from: 0, to: blocks, by: Self.blocksOfPortion) {
                let part = Statement.unprepared(
                    "part",
                    """
                    select \(TelemetryProjection.columns) from \(TelemetryProjection.table) w
                    where ctid >= '(\(start),0)' and ctid < '(\(start + Self.blocksOfPortion),0)'
                        -- What was copied lies where there was room.
                        and generation <> \(Self.generation)
                    """, effect: .reads)
                let hours = try await log.pool.withConnection { connection in
                    try await connection.query(part(), timeout: .seconds(60)).map { try TelemetryProjection.decode($0) }
                }
                let rows = Self.rows(of: hours)
                let begin = ContinuousClock.now
                try to.copy(into: Self.table, rows)
                copying += .now - begin
            }
            return Double(events) / (copying / .seconds(1))
        }
    }

    private static func rows(of hours: [TelemetryHour]) -> [UInt8] {
        var buffer = CopyBuffer(capacity: hours.count * 61 * windowBytes)
        for hour in hours {
            append(hour, WindowLength.hour, hour.start, hour.summary, to: &buffer)
            for minute in hour.windows { append(hour, .minute, minute.start, minute.summary, to: &buffer) }
        }
        return buffer.ended()
    }

    private static func append(
        _ hour: TelemetryHour, _ length: WindowLength, _ start: Timestamp, _ summary: WindowSummary,
        to buffer: inout CopyBuffer
    ) {
        buffer.row(14)
        buffer.integer(generation)
        buffer.text(hour.device)
        buffer.text(hour.metric)
        buffer.integer(length.rawValue)
        buffer.timestamp(start)
        buffer.text(hour.account)
        buffer.integer(summary.count)
        buffer.float8(summary.minimum)
        buffer.float8(summary.maximum)
        buffer.float8(summary.last)
        buffer.timestamp(summary.lastTime)
        buffer.numeric(summary.sum)
        buffer.numeric(summary.squares)
        buffer.integer(summary.unsummed)
    }
}
