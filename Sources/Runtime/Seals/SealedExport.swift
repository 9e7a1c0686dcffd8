/// Hands out the log with what is needed to verify it elsewhere: events, the leaves of those that have left it, and the
/// signed heads, each where it belongs.
package struct SealedExport: Sendable {
    package enum Item: Sendable, Hashable {
        case event(RecordedEvent)
        /// An event that has left the log by retention, of which the leaf is kept.
        case departed(position: Int64, leaf: TreeHash)
        /// Covers everything before it.
        case head(SignedHead)
    }

    private let store: SealStore

    package init(of pool: PostgresPool) { store = SealStore(pool: pool) }

    /// Calls `body` with what lies behind a position, up to the head of the log as of now.
    ///
    /// - Parameter progress: is told the last position handed out, and the head.
    /// - Throws: ``EventStoreError`` or `PostgresError` if the database does not answer, or what `body` throws.
    package func run(
        after start: Int64, _ progress: (_ done: Int64, _ head: Int64) -> Void, _ body: (Item) throws -> Void
    ) async throws {
        let head = try await store.pool.withConnection { try await $0.query(ReadStatements.head()) }
        let end = try head.first?.int8(0) ?? 0
        var position = start
        try await LogStream(pool: store.pool, category: nil, end: end).read(after: start) { raw in
            (events: try raw.recordedEvents(), end: raw.end)
        } _: { page in
            var heads = try await store.heads(behind: position, through: page.end).compactMap { try? $0.get() }[...]
            var departed = try await departed(from: page.events, behind: position, through: page.end)[...]
            var events = page.events[...]
            while position < page.end {
                position += 1
                if events.first?.position == position {
                    try body(.event(events.removeFirst()))
                } else if departed.first?.position == position {
                    let gone = departed.removeFirst()
                    try body(.departed(position: position, leaf: gone.leaf))
                }
                while heads.first?.size == position { try body(.head(heads.removeFirst())) }
            }
            progress(position, end)
        }
    }

    private func departed(
        from events: [RecordedEvent], behind start: Int64, through end: Int64
    ) async throws -> [(position: Int64, leaf: TreeHash)] {
        if events.count == Int(end - start) { return [] }
        let present = Set(events.map(\.position))
        let missing = (start + 1...end).filter { !present.contains($0) }
        let leaves = try await store.leaves(of: Array(Set(missing.map { SealBlock.number(ofLeaf: $0 - 1) })))
        return missing.map { position in
            let block = SealBlock.number(ofLeaf: position - 1)
            let index = Int(position - 1 - block << SealBlock.level)
            return (position, leaves[block].flatMap { SealBlock.hash(at: index, in: $0) } ?? .emptyLeaf)
        }
    }
}
