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
    private let telemetry: TelemetryTypes

    /// - Parameters:
    ///   - trusted: the keys whose heads count.
    ///   - outside: heads that were kept elsewhere, which nobody who changed the database could change with it.
    ///   - telemetry: the types that may lie where telemetry is kept.
    package init(
        of pool: PostgresPool, trusting trusted: Set<SealVerifier>, outside: [SignedHead] = [],
        telemetry: TelemetryTypes = .unknown
    ) {
        store = SealStore(pool: pool)
        reader = LeafReader(pool: pool)
        self.trusted = trusted
        self.outside = outside
        self.telemetry = telemetry
    }

    /// Reads the log up to the head that it finds at the beginning. It may grow, be signed, and let telemetry go meanwhile.
    ///
    /// - Throws: `PostgresError` or ``EventStoreError`` if the database does not answer.
    package func run(_ progress: @Sendable (_ done: Int64, _ head: Int64) async -> Void) async throws -> Report {
        let beyondLog = try await store.headsBeyondLog()
        let head = try await store.pool.withConnection { try await $0.query(ReadStatements.head()) }
        let end = try head.first?.int8(0) ?? 0
        var retained = try RetainedRanges(try await ranges())
        var check = SealCheck(trusting: trusted)
        let sealed = try await store.sealedSize()
        try await reader.read(after: 0, through: end) { leaves in
            try await compare(leaves, &check, sealed: sealed, &retained)
            try await compareNodes(&check)
            await progress(check.position, end)
        }
        for beyond in heads(beyondLog, behind: end, through: .max, &check) { check.take(beyondEnd: beyond) }
        try retained.update(try await ranges())
        for finding in retained.findings { check.note(finding) }
        return check.report(sealed: sealed)
    }

    private func compare(
        _ leaves: [LogLeaf], _ check: inout SealCheck, sealed: Int64, _ retained: inout RetainedRanges
    ) async throws {
        let start = check.position
        let end = start + Int64(leaves.count)
        let blocks = SealBlock.number(ofLeaf: start)...SealBlock.number(ofLeaf: end)
        let stored = try await store.leaves(of: blocks.filter { $0 << SealBlock.level < sealed })
        var heads = heads(try await store.heads(behind: start, through: end), behind: start, through: end, &check)[...]
        var misplaced = try await store.misplaced(behind: start, through: end, telemetry)[...]
        // Some may have left since the ranges were read.
        if leaves.indices.contains(where: {
            leaves[$0].isGone && !retained.contain(start + Int64($0) + 1)
        }) {
            try retained.update(try await ranges())
        }
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
            while misplaced.first?.position == position { check.note(position, misplaced.removeFirst().problem) }
            while heads.first?.size == position { check.take(heads.removeFirst()) }
        }
    }

    /// Those of the log and those kept elsewhere that cover more than `start` and at most `end`, oldest first.
    private func heads(
        _ stored: [Result<SignedHead, SealError>], behind start: Int64, through end: Int64, _ check: inout SealCheck
    ) -> [SignedHead] {
        var heads = outside
        for result in stored {
            switch result {
            case .success(let head): heads.append(head)
            case .failure(let error): check.note(end, "a head up to here cannot be read: \(error)")
            }
        }
        return heads.filter { $0.size > start && $0.size <= end }.sorted { ($0.size, $0.time) < ($1.size, $1.time) }
    }

    private func ranges() async throws -> Rows {
        try await store.pool.withConnection { try await $0.query(AuditStatements.ranges()) }
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
