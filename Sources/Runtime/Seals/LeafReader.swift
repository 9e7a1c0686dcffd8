/// Reads the log as leaves, a page at a time, hashed beside the reading.
struct LeafReader: Sendable {
    let pool: PostgresPool

    /// Calls `body` with the leaves behind `start`, in order and up to `end`; nil stands for an event that is not there.
    func read(
        after start: Int64, through end: Int64, _ body: ([TreeHash?]) async throws -> Void
    ) async throws {
        var position = start
        try await LogStream(pool: pool, category: nil, end: end).read(after: start) { raw in
            (leaves: try raw.leaves(), end: raw.end)
        } _: { page in
            var leaves: [TreeHash?] = []
            leaves.reserveCapacity(Int(page.end - position))
            for leaf in page.leaves {
                while position + 1 < leaf.position {
                    leaves.append(nil)
                    position += 1
                }
                leaves.append(leaf.hash)
                position = leaf.position
            }
            while position < page.end {
                leaves.append(nil)
                position += 1
            }
            try await body(leaves)
        }
    }
}
