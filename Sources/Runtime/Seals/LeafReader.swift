/// What the log has at a position, as far as its seals are concerned.
enum LogLeaf: Sendable, Hashable {
    case present(TreeHash)
    /// The event has left the log by retention, and its leaf was kept.
    case departed(TreeHash)
    case missing

    var hash: TreeHash? {
        switch self {
        case .present(let hash), .departed(let hash): hash
        case .missing: nil
        }
    }

    var isGone: Bool {
        if case .present = self { false } else { true }
    }
}

/// Reads the log as leaves, a page at a time, hashed beside the reading.
struct LeafReader: Sendable {
    let pool: PostgresPool

    /// Calls `body` with the leaves behind `start`, in order and up to `end`.
    func read(
        after start: Int64, through end: Int64, _ body: ([LogLeaf]) async throws -> Void
    ) async throws {
        var position = start
        try await LogStream(pool: pool, category: nil, end: end).read(after: start) { raw in
            (leaves: try raw.leaves(), end: raw.end)
        } _: { page in
            let count = Int(page.end - position)
            var leaves = [LogLeaf](repeating: .missing, count: count)
            for leaf in page.leaves { leaves[Int(leaf.position - position) - 1] = .present(leaf.hash) }
            if page.leaves.count < count {
                for leaf in try await departed(behind: position, through: page.end) {
                    let index = Int(leaf.position - position) - 1
                    if leaves[index] == .missing { leaves[index] = .departed(leaf.hash) }
                }
            }
            position = page.end
            try await body(leaves)
        }
    }

    private func departed(
        behind start: Int64, through end: Int64
    ) async throws -> [(position: Int64, hash: TreeHash)] {
        let rows = try await pool.withConnection {
            try await $0.query(SealStatements.departedLeaves(.int8(start), .int8(end)), timeout: .seconds(60))
        }
        return try rows.compactMap { row in
            let position = try row.int8(0)
            return TreeHash(try row.bytes(1)).map { (position, $0) }
        }
    }
}
