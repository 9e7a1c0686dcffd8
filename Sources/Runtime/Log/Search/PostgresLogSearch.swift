/// The search in Postgres. Each question is bounded: it looks at some hundred streams or follows an index.
package struct PostgresLogSearch: LogSearch {
    private let pool: PostgresPool
    private let known = KnownPositions()

    /// How many streams one request looks at, so that a search that finds nothing ends too.
    private static let streamsARequest = 5_000
    private static let streamsAStatement = 1_000

    package init(pool: PostgresPool) { self.pool = pool }

    package func streams(
        _ filter: StreamFilter, after name: String?, limit: Int
    ) async throws(EventStoreError) -> StreamPage {
        var (found, place, seen) = ([RecordedEvent](), name ?? "", 0)
        while seen < Self.streamsARequest {
            let size = filter.isOpen ? min(limit + 1, Self.streamsAStatement) : Self.streamsAStatement
            let page = try await events(
                SearchStatements.streams(after: place, category: filter.category, limit: size))
            for first in page {
                if found.count == limit { return StreamPage(first: found, next: place) }
                place = first.stream.description
                if filter.admits(first) { found.append(first) }
            }
            if page.count < size { return StreamPage(first: found, next: nil) }
            seen += page.count
        }
        return StreamPage(first: found, next: place)
    }

    package func newestEvent(of stream: StreamName) async throws(EventStoreError) -> RecordedEvent? {
        try await events(SearchStatements.newest(.text(stream.description))).first
    }

    package func event(_ id: UUID128) async throws(EventStoreError) -> RecordedEvent? {
        try await events(SearchStatements.event(.uuid(id))).first
    }

    package func effects(of causes: [UUID128], limit: Int) async throws(EventStoreError) -> [RecordedEvent] {
        if causes.isEmpty { return [] }
        return try await events(SearchStatements.effects(.uuidArray(causes), .int8(Int64(limit))))
    }

    package func acts(
        _ filter: ActFilter, before position: Int64?, limit: Int
    ) async throws(EventStoreError) -> [RecordedEvent] {
        try await events(SearchStatements.acts(filter, before: position, limit: limit))
    }

    package func position(at time: Timestamp) async throws(EventStoreError) -> Int64 {
        try await read(SearchStatements.position(.timestamp(time))) { try $0.first?.int8(0) ?? 0 }
    }

    package func position(at time: Timestamp, within slack: Duration) async throws(EventStoreError) -> Int64 {
        let (time, slack) = KnownPositions.question(time, within: slack)
        if let position = known.position(at: time, within: slack) { return position }
        let near = SearchStatements.positionNear(.timestamp(time), .int8(Int64(slack / .microseconds(1))))
        let (position, head) = try await read(near) { rows in
            (try rows.first?.int8(0) ?? 0, try rows.first?.int8(1) ?? 0)
        }
        if position < head { known.keep(position, at: time, within: slack) }
        return position
    }

    package func place(of stream: StreamName, at position: Int64) async throws(EventStoreError) -> StreamPlace {
        try await read(ReadStatements.place(of: stream, at: position)) { rows in
            guard let row = rows.first else { return StreamPlace(stream, at: 0, position: position) }
            return StreamPlace(stream, at: try row.int8(0), position: try row.int8(1))
        }
    }

    private func events(_ statement: BoundStatement) async throws(EventStoreError) -> [RecordedEvent] {
        try await read(statement) { try $0.map { try RecordedEvent($0) } }
    }

    private func read<Value: Sendable>(
        _ statement: BoundStatement, _ body: (Rows) throws -> Value
    ) async throws(EventStoreError) -> Value {
        try await read([statement], body)
    }

    /// What the last of them answers.
    private func read<Value: Sendable>(
        _ statements: [BoundStatement], _ body: (Rows) throws -> Value
    ) async throws(EventStoreError) -> Value {
        do {
            let results = try await pool.withConnection { connection in
                try await connection.run(statements, timeout: .seconds(30))
            }
            return try body(results[statements.count - 1])
        } catch let error as PostgresError {
            throw EventStoreError(error)
        } catch {
            throw .unavailable(reason: String(describing: error))
        }
    }
}

extension StreamFilter {
    /// Whether each stream of the category passes.
    fileprivate var isOpen: Bool { scope == .all && text == nil }
}
