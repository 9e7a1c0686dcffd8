import Runtime

/// Sees to it, while a rebuild stores rows, that those of one entity take no more bytes than they may.
///
/// What a chunk of rows takes is known once it is encoded. Only where that is more than one entity may have are rows looked at one
/// by one, and the events counted of which they were made.
struct RebuildBytes<P: WideProjection>: Sendable {
    /// In the order of their streams.
    let rows: [P.Row]
    let generation: Int32
    /// The positions between which the events lie, without the first.
    let start: Int64
    let end: Int64
    let store: any EventStore
    let bounds: FoldBounds
    private var stored = StoredBytes()
    private var place = 0
    private var isKnown = false

    init(
        of rows: [P.Row], generation: Int32, after start: Int64, through end: Int64, store: any EventStore,
        bounds: FoldBounds
    ) {
        self.rows = rows
        self.generation = generation
        self.start = start
        self.end = end
        self.store = store
        self.bounds = bounds
    }

    /// Takes in the next chunk of so many rows.
    ///
    /// - Throws: ``FoldExcess``.
    mutating func add(_ bytes: Int, of count: Int) async throws {
        guard count > 0 else { return }
        let (first, last) = (P.stream(of: rows[place]), P.stream(of: rows[place + count - 1]))
        place += count
        guard stored.add(bytes, from: first, to: last) > bounds.bytes, !isKnown else { return }
        isKnown = true
        let excess = try await excess()
        if !excess.isEmpty { throw FoldExcess(stuck: excess) }
    }

    private func excess() async throws -> [StuckEntity] {
        var excess: [StuckEntity] = []
        for (id, rows) in Dictionary(grouping: rows, by: { P.stream(of: $0) }) {
            let bytes = P.store(rows, generation: generation).parameters.bytes.count
            guard bytes > bounds.bytes, let events = try await events(of: id) else { continue }
            let bound = bounds.bytes(for: events.count)
            guard bytes > bound else { continue }
            excess.append(StuckEntity(at: events.first, "the rows of \(id) take \(bytes) bytes, more than \(bound)"))
        }
        return excess
    }

    private func events(of id: String) async throws -> (first: RecordedEvent, count: Int)? {
        let stream = StreamName(category: P.category, id: id)
        var found: (first: RecordedEvent, count: Int)?
        var (version, position) = (Int64(1), start)
        while true {
            let page = try await store.readStream(stream, from: version, after: position, limit: 1_000)
            let events = page.filter { $0.position > start && $0.position <= end }
            if let first = events.first { found = (found?.first ?? first, (found?.count ?? 0) + events.count) }
            guard page.count == 1_000, let last = page.last, last.position < end else { return found }
            (version, position) = (last.version + 1, last.position)
        }
    }
}

/// The rows of these entities take more bytes than they may; nothing of them was stored.
struct FoldExcess: Error {
    let stuck: [StuckEntity]
}
