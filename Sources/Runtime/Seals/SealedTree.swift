/// Proofs about the sealed log.
package struct SealedTree: Sendable {
    /// That an event is in the log that a head has signed.
    package struct Inclusion: Sendable {
        package var position: Int64
        /// Of the tree that the path leads up to.
        package var size: Int64
        package var leaf: TreeHash
        package var path: [TreeHash]
        package var root: TreeHash
        /// A head of that size, if one was signed.
        package var head: SignedHead?

        package init(
            position: Int64, size: Int64, leaf: TreeHash, path: [TreeHash], root: TreeHash, head: SignedHead?
        ) {
            (self.position, self.size, self.leaf) = (position, size, leaf)
            (self.path, self.root, self.head) = (path, root, head)
        }
    }

    /// That a log begins with what it was before.
    package struct Consistency: Sendable {
        package var from: Int64
        package var to: Int64
        package var roots: (from: TreeHash, to: TreeHash)
        package var path: [TreeHash]

        package init(from: Int64, to: Int64, roots: (from: TreeHash, to: TreeHash), path: [TreeHash]) {
            (self.from, self.to, self.roots, self.path) = (from, to, roots, path)
        }
    }

    private let store: SealStore
    private let reader: LeafReader

    package init(pool: PostgresPool) {
        store = SealStore(pool: pool)
        reader = LeafReader(pool: pool)
    }

    package func newestHead() async throws -> SignedHead? { try await store.newestHead() }

    /// Newest first; of all if nil.
    package func heads(before head: (size: Int64, time: Timestamp)?, limit: Int) async throws -> [SignedHead] {
        let first = head ?? (.max, Timestamp(microseconds: 0))
        return try await store.heads(before: first.size, first.time, limit: limit)
    }

    /// - Parameter size: the newest signed head's if nil.
    /// - Throws: ``SealError/notSealed(position:)`` if the tree does not reach the position, or the log the size.
    package func inclusion(of position: Int64, in size: Int64? = nil) async throws -> Inclusion {
        let newest = size == nil ? try await store.newestHead() : nil
        guard let size = size ?? newest?.size, position >= 1, position <= size else {
            throw SealError.notSealed(position: position)
        }
        try await checkReach(size)
        let ranges = TreeProof.inclusion(of: position - 1, in: size)
        let hashes = try await hashes(of: ranges + [position - 1..<position, 0..<size])
        return Inclusion(
            position: position, size: size, leaf: hashes[ranges.count], path: Array(hashes[..<ranges.count]),
            root: hashes[ranges.count + 1], head: try await store.head(ofSize: size))
    }

    /// - Throws: ``SealError/notSealed(position:)`` if the log does not reach the sizes.
    package func consistency(from earlier: Int64, to later: Int64) async throws -> Consistency {
        try await checkReach(later)
        let ranges = TreeProof.consistency(from: earlier, to: later)
        let hashes = try await hashes(of: ranges + [0..<earlier, 0..<later])
        return Consistency(
            from: earlier, to: later, roots: (hashes[ranges.count], hashes[ranges.count + 1]),
            path: Array(hashes[..<ranges.count]))
    }

    /// The root of the tree of so many leaves, which the log must have reached.
    func root(at size: Int64) async throws -> TreeHash { try await hashes(of: [0..<size])[0] }

    private func checkReach(_ size: Int64) async throws {
        let head = try await store.pool.withConnection { try await $0.query(ReadStatements.head()) }
        let blocks = (size >> SealBlock.level) << SealBlock.level
        guard size <= (try head.first?.int8(0) ?? 0), blocks <= (try await store.sealedSize()) else {
            throw SealError.notSealed(position: size)
        }
    }

    private func hashes(of ranges: [Range<Int64>]) async throws -> [TreeHash] {
        let known = try await nodes(Set(ranges.flatMap { TreeNode.covering($0) }))
        return try ranges.map { range in
            if range.isEmpty { return .emptyTree }
            guard let hash = TreeProof.root(of: range, { known[$0] }) else {
                throw SealError.incomplete("the stored tree lacks nodes below position \(range.upperBound)")
            }
            return hash
        }
    }

    private func nodes(_ wanted: Set<TreeNode>) async throws -> [TreeNode: TreeHash] {
        let sealedSize = try await store.sealedSize()
        let isStored = { (node: TreeNode) in
            node.level >= SealBlock.level && node.leaves.upperBound <= sealedSize
        }
        var known = try await store.nodes(wanted.filter(isStored))
        let others = wanted.filter { !isStored($0) }
        let blocks = Set(others.map { SealBlock.number(ofLeaf: $0.leaves.lowerBound) })
        var leaves = try await store.leaves(of: blocks.filter { $0 < SealBlock.number(ofLeaf: sealedSize) })
        for block in blocks where leaves[block] == nil { leaves[block] = try await unsealedLeaves(of: block) }
        for node in others {
            let block = SealBlock.number(ofLeaf: node.leaves.lowerBound)
            var tree = TreeFrontier()
            for leaf in node.leaves {
                guard
                    let hash = leaves[block].flatMap({
                        SealBlock.hash(at: Int(leaf - block << SealBlock.level), in: $0)
                    })
                else { break }
                tree.append(hash)
            }
            if tree.size == Int64(node.leaves.count) { known[node] = tree.root }
        }
        return known
    }

    /// From the events themselves.
    private func unsealedLeaves(of block: Int64) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        let head = try await store.pool.withConnection { try await $0.query(ReadStatements.head()) }
        let end = min(try head.first?.int8(0) ?? 0, (block + 1) << SealBlock.level)
        try await reader.read(after: block << SealBlock.level, through: end) { leaves in
            for leaf in leaves { (leaf.hash ?? .emptyLeaf).append(to: &bytes) }
        }
        return bytes
    }
}
