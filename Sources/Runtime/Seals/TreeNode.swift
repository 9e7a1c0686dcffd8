/// A perfect subtree of the log's Merkle tree by its place: 2^level leaves, the first of them number * 2^level.
package struct TreeNode: Sendable, Hashable {
    package var level: Int
    package var number: Int64

    package init(level: Int, number: Int64) {
        self.level = level
        self.number = number
    }

    package var leaves: Range<Int64> { number << level..<(number + 1) << level }

    /// The fewest perfect subtrees that together hold the leaves, from left to right.
    package static func covering(_ leaves: Range<Int64>) -> [TreeNode] {
        var nodes: [TreeNode] = []
        var first = leaves.lowerBound
        while first < leaves.upperBound {
            let fitting = 63 - (leaves.upperBound - first).leadingZeroBitCount
            let level = first == 0 ? fitting : min(fitting, first.trailingZeroBitCount)
            nodes.append(TreeNode(level: level, number: first >> level))
            first += 1 << level
        }
        return nodes
    }
}
