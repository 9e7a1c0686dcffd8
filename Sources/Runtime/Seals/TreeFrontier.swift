/// A Merkle tree as it grows: of all that it holds only the roots of its perfect subtrees, one for each bit of its size.
package struct TreeFrontier: Sendable, Hashable {
    private var roots: [(node: TreeNode, hash: TreeHash)] = []

    package init() {}

    /// - Parameter hashes: of the nodes that cover the leaves 0..<size, as ``TreeNode/covering(_:)`` lists them.
    package init?(size: Int64, _ hashes: [TreeNode: TreeHash]) {
        for node in TreeNode.covering(0..<size) {
            guard let hash = hashes[node] else { return nil }
            roots.append((node, hash))
        }
    }

    /// The number of leaves.
    package var size: Int64 { roots.last?.node.leaves.upperBound ?? 0 }

    /// Of the whole tree.
    package var root: TreeHash {
        guard var root = roots.last?.hash else { return .emptyTree }
        for left in roots.dropLast().reversed() { root = .node(left.hash, root) }
        return root
    }

    /// Adds the next leaf.
    package mutating func append(_ leaf: TreeHash) { append(leaf) { _, _ in } }

    /// Adds the next leaf, and tells of it and of each node that it completes.
    package mutating func append(_ leaf: TreeHash, _ completed: (TreeNode, TreeHash) -> Void) {
        var (node, hash) = (TreeNode(level: 0, number: size), leaf)
        completed(node, hash)
        while let left = roots.last, left.node.level == node.level {
            roots.removeLast()
            (node, hash) = (TreeNode(level: node.level + 1, number: node.number >> 1), .node(left.hash, hash))
            completed(node, hash)
        }
        roots.append((node, hash))
    }

    package static func == (one: TreeFrontier, other: TreeFrontier) -> Bool {
        one.roots.elementsEqual(other.roots) { $0.node == $1.node && $0.hash == $1.hash }
    }

    package func hash(into hasher: inout Hasher) {
        for root in roots { hasher.combine(root.hash) }
    }
}
