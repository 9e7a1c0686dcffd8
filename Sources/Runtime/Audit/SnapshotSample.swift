/// Streams that have snapshots, chosen at random.
package enum SnapshotSample {
    /// - Throws: `PostgresError`.
    package static func streams(_ count: Int, in pool: PostgresPool) async throws -> [StreamName] {
        let rows = try await pool.withConnection { connection in
            try await connection.query(AuditStatements.sample(.int8(Int64(count))), timeout: .seconds(600))
        }
        return try rows.compactMap { StreamName(try $0.text(0)) }
    }
}
