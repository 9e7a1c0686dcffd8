import Projections
import Runtime

/// The table of the view `telemetry`, as it lies on the disk.
enum TelemetryTable {
    /// How many pages it has.
    static func blocks(_ pool: PostgresPool) async throws -> Int {
        let size = Statement.unprepared(
            "size", "select pg_relation_size('\(TelemetryProjection.table)') / current_setting('block_size')::bigint",
            effect: .reads)
        return Int(try await pool.withConnection { try await $0.query(size()) }.first?.int8(0) ?? 0)
    }
}
