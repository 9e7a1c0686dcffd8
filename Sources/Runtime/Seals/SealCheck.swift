/// Compares a log, leaf by leaf, with its seals and its signed heads. Pure: whoever has the leaves brings them in order.
package struct SealCheck: Sendable {
    private let trusted: Set<SealVerifier>
    /// Those that are trusted, and those that a head has announced that one of them has signed.
    private var keys: Set<SealVerifier>
    private var tree = TreeFrontier()
    /// Up to where a head fits that a trusted key has signed.
    package private(set) var proved: Int64 = 0
    private var isBroken = false
    /// Those that no trusted key has signed, and the first of them, since the last head that fits: what they cover a later
    /// head may prove. So a log that was signed by keys of earlier years is proved by the one in force.
    private var unproved: (first: SignedHead, count: Int)?
    package private(set) var heads = 0
    package private(set) var departed: Int64 = 0
    package private(set) var findings = AuditFindings()
    /// The nodes of the level of blocks and above that the leaves have completed since they were last taken.
    private var nodes: [(node: TreeNode, hash: TreeHash)] = []

    package init(trusting trusted: Set<SealVerifier>) {
        self.trusted = trusted
        keys = trusted
    }

    /// The position of the last leaf.
    package var position: Int64 { tree.size }

    /// Takes the next position.
    ///
    /// - Parameters:
    ///   - leaf: of the event; nil if it is not there.
    ///   - sealed: what the leaf was when it was sealed; nil if it is not sealed yet.
    ///   - mayBeMissing: whether it has left the log by retention.
    package mutating func take(_ leaf: TreeHash?, sealed: TreeHash?, mayBeMissing: Bool = false) {
        let position = tree.size + 1
        if let leaf, let sealed, leaf != sealed {
            note(position, "the event is not the one that was sealed")
        } else if leaf == nil {
            if mayBeMissing { departed += 1 } else { note(position, "the event is missing") }
        }
        tree.append(sealed ?? leaf ?? .emptyLeaf) { node, hash in
            if node.level >= SealBlock.level { nodes.append((node, hash)) }
        }
    }

    /// Takes a head that covers everything up to the last position taken.
    package mutating func take(_ head: SignedHead) {
        heads += 1
        guard head.isSigned(byOneOf: keys) else {
            if head.root == tree.root, !head.claims(oneOf: keys) {
                unproved = (unproved?.first ?? head, (unproved?.count ?? 0) + 1)
            } else {
                note(
                    head.size,
                    "the head of \(head.time) is not signed by a key that is trusted, and is not what was signed")
            }
            return
        }
        if head.root == tree.root {
            (proved, unproved) = (head.size, nil)
            keys.formUnion(head.keys)
        } else if !isBroken {
            // Every later head covers the same positions.
            isBroken = true
            note(
                proved + 1,
                "from here to position \(head.size) the log is not what the head of \(head.time) has signed")
        }
    }

    /// Takes a head that covers more than there is.
    package mutating func take(beyondEnd head: SignedHead) {
        heads += 1
        guard head.isSigned(byOneOf: keys) else {
            return note(head.size, "the head of \(head.time) is not signed by a key that is trusted")
        }
        note(
            tree.size + 1,
            "from here on events are cut off: the head of \(head.time) covers up to position \(head.size)")
    }

    package mutating func note(_ position: Int64, _ problem: String) {
        note(AuditFinding(.seals, position: position, problem))
    }

    mutating func note(_ finding: AuditFinding) { findings.note(finding) }

    /// What was found up to the last position taken.
    ///
    /// - Parameter sealed: up to where the leaves were sealed.
    package func report(sealed: Int64) -> SealAudit.Report {
        var findings = findings
        if let unproved {
            let more = unproved.count > 1 ? ", nor are the \(unproved.count - 1) behind it" : ""
            findings.note(
                AuditFinding(
                    .seals, position: unproved.first.size,
                    "the head of \(unproved.first.time) is not signed by a key that is trusted\(more)"))
        }
        return SealAudit.Report(
            head: position, sealed: sealed, proved: proved, heads: heads, departed: departed, findings: findings)
    }

    mutating func takeNodes() -> [(node: TreeNode, hash: TreeHash)] {
        defer { nodes = [] }
        return nodes
    }
}
