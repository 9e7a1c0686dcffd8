import Runtime

extension WideProjection {
    /// Holds the live generation still until the transaction ends, for rows of it to be changed by hand.
    ///
    /// - Throws: ``RebuildError/unknownProjection``; ``RebuildError/newerDefinition``; `PostgresError`.
    static func holdLive(on connection: PostgresConnection) async throws -> (generation: Int32, position: Int64) {
        guard let live = try await connection.query(RebuildWorkStatements.lockLive(.text(name))).first else {
            throw RebuildError.unknownProjection
        }
        guard try live.int4(2) <= definition else { throw RebuildError.newerDefinition }
        let generation = try live.int4(0)
        _ = try await connection.query(
            RebuildWorkStatements.keep(.text(name), .int4(generation), .int4(definition)))
        return (generation, try live.int8(1))
    }
}
