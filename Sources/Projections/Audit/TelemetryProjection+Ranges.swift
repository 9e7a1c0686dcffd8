import Aggregates
package import Runtime

extension TelemetryProjection: RangedProjection {
    private static let rangePage = Statement(
        "page_telemetry_range",
        """
        select \(columns) from telemetry_windows w
        where generation = $1 and (device, metric, length, start, account) > ($2, $3, $4, $5, $6) and device < $7
            -- Minutes of the first definition are read with their hour.
            and length <> 60
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
    package static func stream(of row: TelemetryHour) -> String { row.device }
    package static func start(of row: TelemetryHour) -> Timestamp { row.start }

    package static func holds(_ row: TelemetryHour, _ part: TelemetryHour) -> Bool {
        let minutes = Dictionary(uniqueKeysWithValues: row.windows.map { ($0.start, $0.summary) })
        return holds(row.summary, part.summary)
            && part.windows.allSatisfy { part in minutes[part.start].map { holds($0, part.summary) } ?? false }
    }

    private static func holds(_ all: WindowSummary, _ some: WindowSummary) -> Bool {
        all.count >= some.count && all.minimum <= some.minimum && all.maximum >= some.maximum
            && all.lastTime >= some.lastTime && all.unsummed >= some.unsummed
    }

    package static func summary(of row: TelemetryHour) -> String {
        let minutes = row.windows.map { start, minute in
            let number = PackedMinutes.Minute.number(of: start, in: row.start)
            return "\(number): \(minute.count) of \(minute.minimum) to \(minute.maximum)"
        }
        var text = summary(of: row.summary) + ", by minutes " + minutes.joined(separator: ", ")
        if !row.provisional.isEmpty { text += ", provisional \(ViewJSON.encode(row.provisional))" }
        return text
    }

    private static func summary(of numbers: WindowSummary) -> String {
        var text =
            "count \(numbers.count), minimum \(numbers.minimum), maximum \(numbers.maximum), "
            + "last \(numbers.last) at \(numbers.lastTime), sum \(numbers.sum), squares \(numbers.squares)"
        if numbers.unsummed > 0 { text += ", unsummed \(numbers.unsummed)" }
        return text
    }
}
