/// The seals as Postgres keeps them.
struct SealStore: Sendable {
    private static let patience = Duration.seconds(60)

    let pool: PostgresPool

    /// How many positions are in blocks that are sealed.
    func sealedSize() async throws -> Int64 {
        try await query(SealStatements.blockCount()).first.map { try $0.int8(0) << SealBlock.level } ?? 0
    }

    /// The tree of the blocks that are sealed.
    func frontier() async throws -> TreeFrontier {
        let size = try await sealedSize()
        guard let frontier = TreeFrontier(size: size, try await nodes(TreeNode.covering(0..<size))) else {
            throw SealError.incomplete("the stored tree of \(size) positions lacks nodes")
        }
        return frontier
    }

    /// Those of them that are stored.
    ///
    /// - Parameter wanted: from the level of blocks upwards.
    func nodes(_ wanted: [TreeNode]) async throws -> [TreeNode: TreeHash] {
        if wanted.isEmpty { return [:] }
        var found: [TreeNode: TreeHash] = [:]
        let levels = PostgresValue.int4Array(wanted.map { Int32($0.level) })
        for row in try await query(SealStatements.nodes(levels, .int8Array(wanted.map(\.number)))) {
            let node = TreeNode(level: Int(try row.int2(0)), number: try row.int8(1))
            found[node] = TreeHash(try row.bytes(2))
        }
        return found
    }

    /// The leaves of those blocks that are sealed.
    func leaves(of blocks: [Int64]) async throws -> [Int64: [UInt8]] {
        if blocks.isEmpty { return [:] }
        var found: [Int64: [UInt8]] = [:]
        for row in try await query(SealStatements.blocks(.int8Array(blocks))) {
            found[try row.int8(0)] = try row.bytes(1)
        }
        return found
    }

    /// - Throws: ``SealError/overtaken`` if one of them is sealed already.
    func store(_ sealed: OpenBlocks) async throws {
        let statements = [
            SealStatements.storeBlocks(
                .int8Array(sealed.blocks.map(\.number)), .bytesArray(sealed.blocks.map(\.leaves))),
            SealStatements.storeNodes(
                .int4Array(sealed.nodes.map { Int32($0.node.level) }), .int8Array(sealed.nodes.map(\.node.number)),
                .bytesArray(sealed.nodes.map(\.hash.bytes))),
        ]
        do {
            _ = try await pool.withTransaction { try await $0.run(statements, timeout: Self.patience) }
        } catch let error as PostgresError where error.sqlState == .uniqueViolation {
            throw SealError.overtaken
        }
    }

    /// - Parameter announcement: statements of the same transaction.
    func store(_ head: SignedHead, with announcement: [BoundStatement]) async throws {
        let row = SealStatements.storeHead(.int8(head.size), .timestamp(head.time), .text(head.note))
        _ = try await pool.withTransaction { try await $0.run([row] + announcement, timeout: Self.patience) }
    }

    func newestHead() async throws -> SignedHead? { try await heads(SealStatements.newestHead()).first }

    func head(ofSize size: Int64) async throws -> SignedHead? {
        try await heads(SealStatements.headOfSize(.int8(size))).first
    }

    /// Newest first.
    func heads(before size: Int64, _ time: Timestamp, limit: Int) async throws -> [SignedHead] {
        try await heads(SealStatements.headsBefore(.int8(size), .timestamp(time), .int8(Int64(limit))))
    }

    /// Oldest first. What cannot be read comes as the reason why.
    func heads(behind start: Int64, through end: Int64) async throws -> [Result<SignedHead, SealError>] {
        try await readings(SealStatements.headsBehind(.int8(start), .int8(end)))
    }

    /// Those that cover more than the log has at this moment, oldest first.
    func headsBeyondLog() async throws -> [Result<SignedHead, SealError>] {
        try await readings(SealStatements.headsBeyondLog())
    }

    /// The first events that lie where nobody who looks for their stream's category would find them, and why: category and
    /// class are columns of their own, which a seal does not cover since they follow from stream and type.
    func misplaced(
        behind start: Int64, through end: Int64, _ telemetry: TelemetryTypes
    ) async throws -> [(position: Int64, problem: String)] {
        let (categories, types) = (telemetry.all.map(\.category), telemetry.all.map(\.type))
        return try await query(
            SealStatements.misplaced(.int8(start), .int8(end), .textArray(categories), .textArray(types))
        ).map { row in
            (try row.int8(0), "its column \(try row.text(1)) is '\(try row.text(2))', which its stream or type denies")
        }
    }

    private func readings(_ statement: BoundStatement) async throws -> [Result<SignedHead, SealError>] {
        try await query(statement).map { row in
            let note = try row.text(0)
            return Result { () throws(SealError) in try SignedHead(note) }
        }
    }

    private func heads(_ statement: BoundStatement) async throws -> [SignedHead] {
        try await query(statement).map { try SignedHead(try $0.text(0)) }
    }

    private func query(_ statement: BoundStatement) async throws -> Rows {
        try await pool.withConnection { try await $0.query(statement, timeout: Self.patience) }
    }
}
