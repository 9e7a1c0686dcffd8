/// The work of the server that seals the log, for as long as it has the role.
package struct SealingTerm {
    /// Blocks that are stored in one transaction.
    private static let blocksAtOnce = 64

    private let store: SealStore
    private let reader: LeafReader
    /// Of whole blocks.
    private var frontier: TreeFrontier
    package private(set) var newestHead: SignedHead?

    /// Goes on where the seals end.
    ///
    /// - Throws: ``SealError/incomplete(_:)`` if the stored tree does not lead to the newest signed head.
    package init(_ pool: PostgresPool) async throws {
        store = SealStore(pool: pool)
        reader = LeafReader(pool: pool)
        frontier = try await store.frontier()
        newestHead = try await store.newestHead()
        guard let newestHead else { return }
        guard try await SealedTree(pool: pool).root(at: newestHead.size) == newestHead.root else {
            throw SealError.incomplete(
                "the log or its seals are not what the head at position \(newestHead.size) has signed: "
                    + "run 'fleetlog audit verify'")
        }
    }

    package var sealedPosition: Int64 { frontier.size }

    /// Seals all blocks that are full.
    package mutating func seal(through head: Int64) async throws {
        let end = (head >> SealBlock.level) << SealBlock.level
        guard end > frontier.size else { return }
        var open = OpenBlocks(behind: frontier)
        try await reader.read(after: frontier.size, through: end) { leaves in
            for leaf in leaves {
                open.append(leaf.hash ?? .emptyLeaf)
                if open.blocks.count == Self.blocksAtOnce {
                    try await store.store(open)
                    Failpoint.reached(.blocksSealed)
                    open.forgetClosed()
                    frontier = open.frontier
                }
            }
        }
        if !open.blocks.isEmpty {
            try await store.store(open)
            Failpoint.reached(.blocksSealed)
        }
        frontier = open.frontier
    }

    /// Signs the tree up to a position behind the sealed blocks, which the log has reached.
    ///
    /// - Parameter announcing: what else is written in the transaction that stores the head.
    package mutating func sign(
        at head: Int64, _ time: Timestamp, with keys: [SealKey],
        announcing: @Sendable (SignedHead) throws -> [BoundStatement] = { _ in [] }
    ) async throws -> SignedHead {
        var tree = frontier
        try await reader.read(after: frontier.size, through: head) { leaves in
            for leaf in leaves { tree.append(leaf.hash ?? .emptyLeaf) }
        }
        let signed = try SignedHead(size: head, root: tree.root, time: time, signedBy: keys)
        Failpoint.reached(.headSigned)
        try await store.store(signed, with: try announcing(signed))
        Failpoint.reached(.headStored)
        newestHead = signed
        return signed
    }
}
