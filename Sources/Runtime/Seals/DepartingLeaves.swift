/// Keeps the leaves of events that are about to leave the log, so that what stays can be proved as before.
struct DepartingLeaves: Sendable {
    /// Of the schema's owner.
    let pool: PostgresPool

    /// Returns when the leaf of each position of the range is stored.
    ///
    /// - Throws: ``SealError/incomplete(_:)`` if the log is not what was signed: then nothing should leave it.
    func keep(_ positions: Range<Int64>) async throws {
        let sealed = try await sealWhatIsFull()
        let start = max(positions.lowerBound - 1, sealed)
        guard start < positions.upperBound - 1 else { return }
        var position = start
        try await LeafReader(pool: pool).read(after: start, through: positions.upperBound - 1) { page in
            var (numbers, leaves) = ([Int64](), [[UInt8]]())
            for leaf in page {
                position += 1
                guard let leaf = leaf.hash else { continue }
                numbers.append(position)
                leaves.append(leaf.bytes)
            }
            let statement = SealStatements.storeDepartedLeaves(.int8Array(numbers), .bytesArray(leaves))
            _ = try await pool.withConnection { try await $0.query(statement, timeout: .seconds(60)) }
        }
    }

    /// A server does the same meanwhile; whoever comes second begins again behind the other.
    private func sealWhatIsFull() async throws -> Int64 {
        let head = try await pool.withConnection { try await $0.query(ReadStatements.head()) }
        while true {
            do {
                var term = try await SealingTerm(pool)
                try await term.seal(through: try head.first?.int8(0) ?? 0)
                return term.sealedPosition
            } catch SealError.overtaken {
                continue
            }
        }
    }
}
