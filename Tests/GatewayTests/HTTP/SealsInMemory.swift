import Gateway
import Runtime

/// Seals over the log in memory: the tree is made anew for each question, and two heads are signed.
struct SealsInMemory: SealQueries {
    let store: any EventStore

    static func key() throws -> SealKey { try SealKey(name: "fleetlog-test", seed: Array(repeating: 1, count: 32)) }

    private func tree() async throws -> (nodes: [TreeNode: TreeHash], size: Int64) {
        var (frontier, nodes) = (TreeFrontier(), [TreeNode: TreeHash]())
        for event in try await store.readLog(after: 0, where: .everything, limit: 10_000).events {
            frontier.append(.leaf(event.sealedBytes)) { nodes[$0] = $1 }
        }
        return (nodes, frontier.size)
    }

    private func hash(_ range: Range<Int64>, _ nodes: [TreeNode: TreeHash]) throws -> TreeHash {
        guard let hash = TreeProof.root(of: range, { nodes[$0] }) else { throw SealError.incomplete("\(range)") }
        return hash
    }

    private func head(_ size: Int64, _ nodes: [TreeNode: TreeHash]) throws -> SignedHead {
        try SignedHead(
            size: size, root: hash(0..<size, nodes), time: Timestamp(microseconds: size * 1_000_000),
            signedBy: [Self.key()])
    }

    func newestHead() async throws -> SignedHead? {
        let (nodes, size) = try await tree()
        return size == 0 ? nil : try head(size, nodes)
    }

    func heads(before place: (size: Int64, time: Timestamp)?, limit: Int) async throws -> [SignedHead] {
        let (nodes, size) = try await tree()
        let sizes = stride(from: size, to: 0, by: -1).filter { size in place.map { size < $0.size } ?? true }
        return try sizes.prefix(limit).map { try head($0, nodes) }
    }

    func inclusion(of position: Int64, in size: Int64?) async throws -> SealedTree.Inclusion {
        let (nodes, reached) = try await tree()
        let size = size ?? reached
        guard position <= size, size <= reached else { throw SealError.notSealed(position: position) }
        return SealedTree.Inclusion(
            position: position, size: size, leaf: try hash(position - 1..<position, nodes),
            path: try TreeProof.inclusion(of: position - 1, in: size).map { try hash($0, nodes) },
            root: try hash(0..<size, nodes), head: try head(size, nodes))
    }

    func consistency(from earlier: Int64, to later: Int64) async throws -> SealedTree.Consistency {
        let (nodes, reached) = try await tree()
        guard later <= reached else { throw SealError.notSealed(position: later) }
        return SealedTree.Consistency(
            from: earlier, to: later, roots: (try hash(0..<earlier, nodes), try hash(0..<later, nodes)),
            path: try TreeProof.consistency(from: earlier, to: later).map { try hash($0, nodes) })
    }
}
