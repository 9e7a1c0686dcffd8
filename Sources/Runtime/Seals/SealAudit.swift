/// Proves over a stored log that it is what was sealed, and what its heads have signed.
package struct SealAudit: Sendable {
    package struct Report: Sendable {
        /// The last position that was compared.
        package var head: Int64 = 0
        /// Up to where the leaves were sealed.
        package var sealed: Int64 = 0
        /// Up to where a head fits that a trusted key has signed; nothing proves what is newer.
        package var proved: Int64 = 0
        package var heads = 0
        /// Events that are not there, and of which the retention says that they have left.
        package var departed: Int64 = 0
        package var findings = AuditFindings()
    }

    private let store: SealStore
    private let reader: LeafReader
    private let trusted: Set<SealVerifier>
    private let outside: [SignedHead]

    /// - Parameters:
    ///   - trusted: the keys whose heads count.
    ///   - outside: heads that were kept elsewhere, which nobody who changed the database could change with it.
    package init(of pool: PostgresPool, trusting trusted: Set<SealVerifier>, outside: [SignedHead] = []) {
        store = SealStore(pool: pool)
        reader = LeafReader(pool: pool)
        self.trusted = trusted
        self.outside = outside
    }

    /// Reads the log up to the head that it finds at the beginning.
    ///
    /// - Throws: `PostgresError` or ``EventStoreError`` if the database does not answer.
    package func run(_ progress: @Sendable (_ done: Int64, _ head: Int64) -> Void) async throws -> Report {
        let (head, ranges) = try await store.pool.withConnection { connection in
            (
                try await connection.query(ReadStatements.head()).first?.int8(0) ?? 0,
                try await connection.query(AuditStatements.ranges())
            )
        }
        var retained = try RetainedRanges(ranges)
        var check = SealCheck(trusting: trusted)
        let sealed = try await store.sealedSize()
        try await reader.read(after: 0, through: head) { leaves in
            let start = check.position
            let blocks = SealBlock.number(ofLeaf: start)...SealBlock.number(ofLeaf: start + Int64(leaves.count))
            let stored = try await store.leaves(of: blocks.filter { $0 << SealBlock.level < sealed })
            var heads = try await heads(behind: start, through: start + Int64(leaves.count), &check)[...]
            for leaf in leaves {
                let position = check.position + 1
                let block = SealBlock.number(ofLeaf: position - 1)
                let wasSealed = stored[block].flatMap {
                    SealBlock.hash(at: Int(position - 1 - block << SealBlock.level), in: $0)
                }
                if wasSealed == nil, position <= sealed { check.note(position, "its seal is missing") }
                if case .present(let hash) = leaf {
                    check.take(hash, sealed: wasSealed)
                } else {
                    let hasLeft = retained.note(missing: position..<position + 1) == nil
                    check.take(nil, sealed: wasSealed ?? leaf.hash, mayBeMissing: hasLeft)
                }
                while let next = heads.first, next.size == position { check.take(heads.removeFirst()) }
            }
            try await compareNodes(&check)
            progress(check.position, head)
        }
        for beyond in try await heads(behind: head, through: .max, &check) where beyond.size > head {
            check.take(beyondEnd: beyond)
        }
        for finding in retained.findings { check.note(finding) }
        return check.report(sealed: sealed)
    }

    /// Those of the log and those kept elsewhere, oldest first.
    private func heads(behind start: Int64, through end: Int64, _ check: inout SealCheck) async throws -> [SignedHead] {
        var heads = outside.filter { $0.size > start && $0.size <= end }
        for result in try await store.heads(behind: start, through: end) {
            switch result {
            case .success(let head): heads.append(head)
            case .failure(let error): check.note(end, "a head up to here cannot be read: \(error)")
            }
        }
        return heads.sorted { ($0.size, $0.time) < ($1.size, $1.time) }
    }

    private func compareNodes(_ check: inout SealCheck) async throws {
        let computed = check.takeNodes()
        let sealed = try await store.nodes(computed.map(\.node))
        for (node, hash) in computed {
            guard let stored = sealed[node] else { continue }
            if stored != hash {
                check.note(
                    node.leaves.lowerBound + 1,
                    "the stored root of positions \(node.leaves.lowerBound + 1) to \(node.leaves.upperBound) is not theirs"
                )
            }
        }
    }
}
