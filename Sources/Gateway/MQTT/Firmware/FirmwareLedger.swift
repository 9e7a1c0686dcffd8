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

    /// Some of the devices that were moved, quarantined or retired since they were looked at.
    func departures(_ limit: Int) async throws -> [FirmwareDeparture]
    /// They have been looked at; those that have departed once more stay.
    func settle(_ departures: [FirmwareDeparture]) async throws
}

/// A device that may no longer be one of those that its rollout is for.
package struct FirmwareDeparture: Sendable, Hashable {
    package var device: String
    package var revision: Int64
    /// Whose message it has, if any.
    package var rollout: String?

    package init(_ device: String, revision: Int64, rollout: String?) {
        self.device = device
        self.revision = revision
        self.rollout = rollout
    }
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

    package func departures(_ limit: Int) async throws -> [FirmwareDeparture] {
        try await query(Self.departures(.int8(Int64(limit)))).map { row in
            FirmwareDeparture(try row.text(0), revision: try row.int8(1), rollout: try row.text(ifPresent: 2))
        }
    }

    package func settle(_ departures: [FirmwareDeparture]) async throws {
        _ = try await query(
            Self.settle(.textArray(departures.map(\.device)), .int8Array(departures.map(\.revision))))
    }

    /// Written with the event that moves, quarantines or retires the device.
    static func departure(of device: String) -> SideRow { SideRow(departure, [.text(device)]) }

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

    private static let departure = Statement(
        "note a departure",
        """
        insert into firmware_withdrawals (device) select $2 where fleetlog_accepted($1)
        on conflict (device) do update set revision = firmware_withdrawals.revision + 1
        """)

    private static let departures = Statement(
        "departures",
        """
        select w.device, w.revision, m.rollout
        from firmware_withdrawals w left join firmware_messages m on m.device = w.device
        order by w.device limit $1
        """)

    private static let settle = Statement(
        "settle departures",
        """
        delete from firmware_withdrawals w using unnest($1::text[], $2::bigint[]) as s (device, revision)
        where w.device = s.device and w.revision = s.revision
        """)
}
