import Aggregates
package import Runtime

extension TelemetryProjection: RangedProjection {
    private static let rangePage = Statement(
        "page_telemetry_range",
        """
        select \(columns) from telemetry_windows
        where generation = $1 and (device, metric, length, start, account) > ($2, $3, $4, $5, $6) and device < $7
        order by device, metric, length, start, account limit $8
        """)

    package static func page(
        of range: StreamRange, after last: Runtime.Row?, limit: Int64, generation: Int32
    ) throws(PostgresError) -> BoundStatement {
        rangePage(
            .int4(generation), .text(try last?.text(0) ?? range.first), .text(try last?.text(2) ?? ""),
            // No length is as short.
            .int4(try last?.int4(3) ?? .min), .timestamp(try last?.timestamp(4) ?? Timestamp(microseconds: 0)),
            .text(try last?.text(1) ?? ""), .text(range.upperBound), .int8(limit))
    }

    package static func id(stored row: Runtime.Row) throws(PostgresError) -> String {
        let seconds = try row.timestamp(4).microseconds / 1_000_000
        return "\(try row.text(0))/\(try row.text(1))/\(try row.int4(3))/\(seconds)/\(try row.text(2))"
    }

    package static func stream(stored row: Runtime.Row) throws(PostgresError) -> String { try row.text(0) }
    package static func stream(of row: TelemetryWindow) -> String { row.device }
    package static func start(of row: TelemetryWindow) -> Timestamp { row.start }

    package static func holds(_ row: TelemetryWindow, _ part: TelemetryWindow) -> Bool {
        let (all, some) = (row.summary, part.summary)
        return all.count >= some.count && all.minimum <= some.minimum && all.maximum >= some.maximum
            && all.lastTime >= some.lastTime && all.unsummed >= some.unsummed
    }

    package static func summary(of row: TelemetryWindow) -> String {
        let numbers = row.summary
        var text =
            "count \(numbers.count), minimum \(numbers.minimum), maximum \(numbers.maximum), "
            + "last \(numbers.last) at \(numbers.lastTime), sum \(numbers.sum), squares \(numbers.squares)"
        if numbers.unsummed > 0 { text += ", unsummed \(numbers.unsummed)" }
        if let provisional = row.provisional { text += ", provisional \(ViewJSON.encode(provisional))" }
        return text
    }
}
