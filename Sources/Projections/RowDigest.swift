package import Runtime

/// How many rows a generation of a view has, and a digest of all of them that does not depend on their order.
package struct RowDigest: Sendable, Hashable {
    package var rows: Int64
    package var digest: String

    /// Of no rows.
    private static let empty = RowDigest(rows: 0, digest: "0")

    package init(rows: Int64, digest: String) {
        self.rows = rows
        self.digest = digest
    }

    /// Of each of these generations, in one pass over the view's table.
    package static func of<P: WideProjection>(
        _ generations: [Int32], of projection: P.Type, on connection: PostgresConnection
    ) async throws -> [RowDigest] {
        var found: [Int32: RowDigest] = [:]
        for row in try await connection.query(P.digests(of: generations)) {
            found[try row.int4(0)] = RowDigest(rows: try row.int8(1), digest: try row.text(2))
        }
        return generations.map { found[$0] ?? empty }
    }
}
