/// What the proofs of RFC 6962 (sections 2.1.1 and 2.1.2) are made of, as ranges of leaves whose roots they list, and how
/// they are verified (RFC 9162, sections 2.1.3.2 and 2.1.4.2).
package enum TreeProof {
    /// That the leaf is in the tree of so many leaves.
    package static func inclusion(of leaf: Int64, in size: Int64) -> [Range<Int64>] {
        var path: [Range<Int64>] = []
        var tree = 0..<size
        while tree.count > 1 {
            let middle = split(tree)
            if leaf < middle {
                path.append(middle..<tree.upperBound)
                tree = tree.lowerBound..<middle
            } else {
                path.append(tree.lowerBound..<middle)
                tree = middle..<tree.upperBound
            }
        }
        return path.reversed()
    }

    /// That the tree of `later` leaves begins with the tree of `earlier` leaves.
    package static func consistency(from earlier: Int64, to later: Int64) -> [Range<Int64>] {
        guard earlier > 0, earlier < later else { return [] }
        var path: [Range<Int64>] = []
        var tree = 0..<later
        while earlier != tree.upperBound {
            let middle = split(tree)
            if earlier <= middle {
                path.append(middle..<tree.upperBound)
                tree = tree.lowerBound..<middle
            } else {
                path.append(tree.lowerBound..<middle)
                tree = middle..<tree.upperBound
            }
        }
        // Whoever asks knows the root of the whole earlier tree.
        if tree.lowerBound > 0 { path.append(tree) }
        return path.reversed()
    }

    /// The root of a subtree as the proofs list it, from those of the perfect ones in it; nil if one is not known.
    package static func root(of leaves: Range<Int64>, _ hash: (TreeNode) -> TreeHash?) -> TreeHash? {
        var root: TreeHash?
        for node in TreeNode.covering(leaves).reversed() {
            guard let left = hash(node) else { return nil }
            root = root.map { .node(left, $0) } ?? left
        }
        return root
    }

    /// Whether the path leads from the leaf to the root.
    package static func verifies(
        leaf: TreeHash, at index: Int64, _ path: [TreeHash], size: Int64, root: TreeHash
    ) -> Bool {
        guard index >= 0, index < size else { return false }
        var (first, last, hash) = (index, size - 1, leaf)
        for sibling in path {
            if last == 0 { return false }
            if first & 1 == 1 || first == last {
                hash = .node(sibling, hash)
                while first & 1 == 0, first != 0 { (first, last) = (first >> 1, last >> 1) }
            } else {
                hash = .node(hash, sibling)
            }
            (first, last) = (first >> 1, last >> 1)
        }
        return last == 0 && hash == root
    }

    /// Whether the path shows that the later tree begins with the earlier one.
    package static func verifies(
        from earlier: Int64, _ earlierRoot: TreeHash, to later: Int64, _ laterRoot: TreeHash, _ path: [TreeHash]
    ) -> Bool {
        if earlier == later { return path.isEmpty && earlierRoot == laterRoot }
        guard earlier > 0, earlier < later else { return earlier == 0 && later > 0 && path.isEmpty }
        var path = path[...]
        // The earlier tree is a subtree of the later one, so its root is the first step.
        if earlier & (earlier - 1) == 0 { path = [earlierRoot] + path }
        guard let start = path.popFirst() else { return false }
        var (first, last) = (earlier - 1, later - 1)
        while first & 1 == 1 { (first, last) = (first >> 1, last >> 1) }
        var (old, new) = (start, start)
        for sibling in path {
            if last == 0 { return false }
            if first & 1 == 1 || first == last {
                old = .node(sibling, old)
                new = .node(sibling, new)
                while first & 1 == 0, first != 0 { (first, last) = (first >> 1, last >> 1) }
            } else {
                new = .node(new, sibling)
            }
            (first, last) = (first >> 1, last >> 1)
        }
        return last == 0 && old == earlierRoot && new == laterRoot
    }

    /// Where a tree divides: behind the largest power of two that is smaller than it.
    private static func split(_ tree: Range<Int64>) -> Int64 {
        let count = tree.upperBound - tree.lowerBound
        return tree.lowerBound + (1 << (63 - (count - 1).leadingZeroBitCount))
    }
}
