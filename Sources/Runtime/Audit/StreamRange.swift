/// The streams of a category from one id on, up to another one that is not among them.
package struct StreamRange: Sendable, Hashable {
    package let first: String
    /// All that come after `first` if nil.
    package let end: String?

    package init(from first: String, before end: String?) {
        self.first = first
        self.end = end
    }

    /// One stream.
    package init(only id: String) {
        // No id has a control character, so nothing lies between them.
        self.init(from: id, before: id + "\u{1}")
    }

    /// By the bytes of the ids, as the log and the views have them in order.
    package func contains(_ id: String) -> Bool {
        !id.utf8.lexicographicallyPrecedes(first.utf8)
            && end.map { id.utf8.lexicographicallyPrecedes($0.utf8) } ?? true
    }

    /// Comes after all ids there may be, if the range has no end.
    package var upperBound: String { end ?? "\u{10FFFF}" }
}

/// The streams of a category, one after the other: their events, and what has left of them.
package struct CategoryStreams: Sendable {
    private static let patience = Duration.seconds(600)

    package let category: String
    private let pool: PostgresPool

    package init(of category: String, in pool: PostgresPool) {
        self.category = category
        self.pool = pool
    }

    /// The next events of a range, in the order of streams and versions, as far as a position of the log.
    ///
    /// - Parameter last: of the range; from its beginning if nil.
    package func events(
        of range: StreamRange, after last: RecordedEvent?, through position: Int64, limit: Int
    ) async throws -> [RecordedEvent] {
        let (first, end) = bounds(range)
        let rows = try await query(
            AuditStatements.range(
                .text(last?.stream.description ?? first), .int8(last?.version ?? 0), .int8(position),
                .int8(Int64(limit)), .text(end)))
        return try rows.map { row throws(PostgresError) in try RecordedEvent(row) }
    }

    /// Where the streams of a range stand that have lost events, by their ids.
    package func floors(of range: StreamRange) async throws -> [String: StreamPlace] {
        let (first, end) = bounds(range)
        var floors: [String: StreamPlace] = [:]
        for row in try await query(AuditStatements.floorsOfRange(.text(first), .text(end))) {
            guard let stream = StreamName(try row.text(0)) else { continue }
            floors[stream.id] = StreamPlace(stream, at: try row.int8(1), position: try row.int8(2))
        }
        return floors
    }

    /// The time before which everything up to the position was recorded; nil if the log says nothing of it.
    package func time(behind position: Int64) async throws -> Timestamp? {
        try await query(AuditStatements.timeBehind(.int8(position))).first?.timestamp(0)
    }

    /// The ids of the streams after one, in their order.
    package func ids(after id: String, limit: Int) async throws -> [String] {
        let end = bounds(StreamRange(from: id, before: nil)).end
        return try await query(AuditStatements.names(.text("\(category)-\(id)"), .text(end), .int8(Int64(limit))))
            .compactMap { StreamName(try $0.text(0))?.id }
    }

    private func bounds(_ range: StreamRange) -> (first: String, end: String) {
        // The dot follows on the dash behind the category.
        ("\(category)-\(range.first)", range.end.map { "\(category)-\($0)" } ?? "\(category).")
    }

    private func query(_ statement: BoundStatement) async throws -> Rows {
        try await pool.withConnection { connection in
            try await connection.query(statement, timeout: Self.patience)
        }
    }
}
