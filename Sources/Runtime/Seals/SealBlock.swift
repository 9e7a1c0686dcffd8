/// The positions that are sealed together: their leaves are stored as one row.
enum SealBlock {
    /// Of the tree's node that is the block's root.
    static let level = 10
    static let size: Int64 = 1 << level

    /// The block in which the leaf of a position lies.
    static func number(ofLeaf leaf: Int64) -> Int64 { leaf >> level }

    static func hash(at index: Int, in leaves: [UInt8]) -> TreeHash? {
        let start = index * TreeHash.byteCount
        guard index >= 0, start + TreeHash.byteCount <= leaves.count else { return nil }
        return leaves.withUnsafeBytes {
            TreeHash(UnsafeRawBufferPointer(rebasing: $0[start..<start + TreeHash.byteCount]))
        }
    }
}

/// Blocks as they fill, with the nodes that they complete.
struct OpenBlocks {
    private(set) var frontier: TreeFrontier
    private(set) var blocks: [(number: Int64, leaves: [UInt8])] = []
    private(set) var nodes: [(node: TreeNode, hash: TreeHash)] = []
    private var open: [UInt8] = []

    /// - Parameter frontier: of whole blocks.
    init(behind frontier: TreeFrontier) {
        self.frontier = frontier
        open.reserveCapacity(Int(SealBlock.size) * TreeHash.byteCount)
    }

    mutating func append(_ leaf: TreeHash) {
        let number = SealBlock.number(ofLeaf: frontier.size)
        leaf.append(to: &open)
        frontier.append(leaf) { node, hash in
            if node.level >= SealBlock.level { nodes.append((node, hash)) }
        }
        if open.count == Int(SealBlock.size) * TreeHash.byteCount {
            blocks.append((number, open))
            open.removeAll(keepingCapacity: true)
        }
    }

    mutating func forgetClosed() {
        blocks = []
        nodes = []
    }
}
