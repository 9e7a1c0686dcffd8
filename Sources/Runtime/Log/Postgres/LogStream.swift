/// Reads a part of the log of any length in constant memory: page after page, some of them ahead of the reader.
///
/// A page is a COPY between two positions, on a connection lent for that long; its snapshot ends with it. So a slow
/// reader keeps none open, and what waits for it is bounded by pages and bytes.
struct LogStream: Sendable {
    /// Pages that are read or wait to be taken.
    private static let pagesAhead = 2
    private static let patience = Duration.seconds(60)

    let pool: PostgresPool
    let category: String?
    /// Up to where it reads: a position that the head has reached.
    let end: Int64
    /// Positions a page.
    var pageSize: Int64 = 10_000
    /// Bytes a page, however large its events are.
    var pageBytes = 8 << 20

    /// A page, as far as it was read.
    private struct Part<Value: Sendable>: Sendable {
        let value: Value
        let end: Int64
    }

    /// Calls `body` in order with what `transform` makes of each part of the log; `transform` runs beside it.
    ///
    /// - Throws: `EventStoreError`, or what either throws; parts before were complete.
    func read<Value: Sendable>(
        after start: Int64, _ transform: @escaping @Sendable (RawEvents) throws -> Value,
        _ body: (Value) async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: (page: Int, part: Part<Value>).self) { group in
            var waiting: [Int: Part<Value>] = [:]
            var (asked, given) = (0, 0)
            let pages = Pages(start: start, end: end, size: pageSize)
            while given < pages.count {
                while asked < min(pages.count, given + Self.pagesAhead) {
                    let (number, range) = (asked, pages[asked])
                    group.addTask { (number, try await part(of: range, transform)) }
                    asked += 1
                }
                guard var part = waiting.removeValue(forKey: given) else {
                    guard let next = try await group.next() else { break }
                    waiting[next.page] = next.part
                    continue
                }
                try await body(part.value)
                while part.end < pages[given].end {
                    part = try await self.part(of: Page(start: part.end, end: pages[given].end), transform)
                    try await body(part.value)
                }
                given += 1
            }
        }
    }

    private struct Page: Sendable {
        let start: Int64
        let end: Int64
    }

    /// The pages by number, which need not be kept.
    private struct Pages {
        let start: Int64
        let end: Int64
        let size: Int64

        var count: Int { Int(max(0, (end - start + size - 1) / size)) }

        subscript(number: Int) -> Page {
            let first = start + Int64(number) * size
            return Page(start: first, end: min(end, first + size))
        }
    }

    private func part<Value: Sendable>(
        of page: Page, _ transform: (RawEvents) throws -> Value
    ) async throws -> Part<Value> {
        let raw: RawEvents
        do {
            raw = try await rawEvents(of: page)
        } catch let error as PostgresError {
            if case .cancelled = error { throw CancellationError() }
            throw EventStoreError(error)
        }
        do {
            return Part(value: try transform(raw), end: raw.end)
        } catch let error as PostgresError {
            throw EventStoreError(error)
        }
    }

    private func rawEvents(of page: Page) async throws -> RawEvents {
        let bounds = ReadStatements.bounds(after: page.start, through: page.end, category: category)
        let statement = category == nil ? ReadStatements.logByCopy : ReadStatements.categoryByCopy
        let rows = try await pool.withConnection { connection in
            _ = try await connection.query(bounds, timeout: Self.patience)
            return try await connection.copyOut(statement, byteLimit: pageBytes, timeout: Self.patience)
        }
        guard rows.isCut else { return RawEvents(rows, end: page.end) }
        return RawEvents(rows, end: try RawEvents.position(rows, at: rows.count - 1))
    }
}
