package import Runtime

extension StatesProjection: RangedProjection {
    private static let rangePage = Statement(
        "page_states_range",
        """
        select \(columns) from states
        where generation = $1 and (device, start, account) > ($2, $3, $4) and device < $5
        order by device, start, account limit $6
        """)

    /// Before all that Postgres can tell of, but for some days.
    private static let beginning = Timestamp(microseconds: -210_000_000_000_000_000)

    package static func page(
        of range: StreamRange, after last: Runtime.Row?, limit: Int64, generation: Int32
    ) throws(PostgresError) -> BoundStatement {
        rangePage(
            .int4(generation), .text(try last?.text(0) ?? range.first), .timestamp(try last?.timestamp(2) ?? beginning),
            .text(try last?.text(1) ?? ""), .text(range.upperBound), .int8(limit))
    }

    package static func id(stored row: Runtime.Row) throws(PostgresError) -> String {
        "\(try row.text(0))/\(try row.text(1))/\(try row.timestamp(2).microseconds / 1_000_000)"
    }

    package static func stream(stored row: Runtime.Row) throws(PostgresError) -> String { try row.text(0) }
    package static func stream(of row: StateHour) -> String { row.device }
    package static func start(of row: StateHour) -> Timestamp { row.start }

    /// Of many facts some are left out, so which there are says nothing.
    package static func holds(_ row: StateHour, _ part: StateHour) -> Bool { true }

    package static func summary(of row: StateHour) -> String {
        "facts of versions \(versions(row.facts.map(\.version))), provisional \(versions(row.provisional.map(\.version))), "
            + "connectivity \(versions(row.connectivity.map(\.version))), runs \(row.runsText)"
    }

    /// The first and the last.
    private static func versions(_ all: [Int64]) -> String {
        if all.isEmpty { return "none" }
        guard all.count > 16 else { return all.map(String.init).joined(separator: " ") }
        return all.prefix(8).map(String.init).joined(separator: " ") + " ... "
            + all.suffix(8).map(String.init).joined(separator: " ") + " (\(all.count))"
    }
}
