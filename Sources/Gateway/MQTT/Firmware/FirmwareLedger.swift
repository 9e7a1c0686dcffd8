package import Runtime

/// How far delivery has come in the log, and whose firmware message each device has.
package protocol FirmwareLedger: Sendable {
    /// Every event of a rollout up to here has been carried to the broker.
    func position() async throws -> Int64
    /// Moves only from `start`; false if another server moved it first.
    func move(from start: Int64, to end: Int64) async throws -> Bool

    /// The devices are about to be given the rollout's message, in place of any other's.
    func hold(_ devices: [String], by rollout: String) async throws
    /// Those of the devices that have the rollout's message.
    func held(_ devices: [String], by rollout: String) async throws -> [String]
    /// The rollout's message has been taken away from these devices.
    func release(_ devices: [String], by rollout: String) async throws
}

package struct PostgresFirmwareLedger: FirmwareLedger {
    private let pool: PostgresPool

    package init(pool: PostgresPool) { self.pool = pool }

    package func position() async throws -> Int64 {
        try await query(Self.position()).first?.int8(0) ?? 0
    }

    package func move(from start: Int64, to end: Int64) async throws -> Bool {
        try await query(Self.move(.int8(start), .int8(end))).affected == 1
    }

    package func hold(_ devices: [String], by rollout: String) async throws {
        _ = try await query(Self.hold(.textArray(devices), .text(rollout)))
    }

    package func held(_ devices: [String], by rollout: String) async throws -> [String] {
        try await query(Self.held(.textArray(devices), .text(rollout))).map { try $0.text(0) }
    }

    package func release(_ devices: [String], by rollout: String) async throws {
        _ = try await query(Self.release(.textArray(devices), .text(rollout)))
    }

    private func query(_ statement: BoundStatement) async throws -> Rows {
        try await pool.withConnection { connection in try await connection.query(statement, timeout: .seconds(30)) }
    }

    private static let position = Statement("firmware delivery's position", "select position from firmware_delivery")

    private static let move = Statement(
        "move firmware delivery", "update firmware_delivery set position = $2 where position = $1")

    private static let hold = Statement(
        "hold firmware messages",
        """
        insert into firmware_messages (device, rollout) select device, $2 from unnest($1::text[]) as device
        on conflict (device) do update set rollout = excluded.rollout
        """)

    private static let held = Statement(
        "held firmware messages",
        "select device from firmware_messages where device = any ($1) and rollout = $2 order by device")

    private static let release = Statement(
        "release firmware messages", "delete from firmware_messages where device = any ($1) and rollout = $2")
}
