package import Runtime

/// Which devices' configurations the broker does not have yet.
package protocol ConfigurationOutbox: Sendable {
    /// Some of them.
    func waiting(_ limit: Int, except devices: [String]) async throws -> [WaitingDevice]
    /// The broker has them; those that have changed meanwhile go on waiting.
    func delivered(_ devices: [WaitingDevice]) async throws
    /// The broker may have lost what it had: all wait again.
    func startAgain() async throws
}

package struct PostgresConfigurationOutbox: ConfigurationOutbox {
    private let pool: PostgresPool

    package init(pool: PostgresPool) { self.pool = pool }

    package func waiting(_ limit: Int, except devices: [String]) async throws -> [WaitingDevice] {
        try await query(Self.waiting(.int8(Int64(limit)), .textArray(devices))).map { row in
            WaitingDevice(try row.text(0), revision: try row.int8(1))
        }
    }

    package func delivered(_ devices: [WaitingDevice]) async throws {
        _ = try await query(Self.delivered(.textArray(devices.map(\.id)), .int8Array(devices.map(\.revision))))
    }

    package func startAgain() async throws { _ = try await query(Self.startAgain()) }

    /// Written with the event of a change.
    static func change(of device: String) -> SideRow { SideRow(change, [.text(device)]) }

    private func query(_ statement: BoundStatement) async throws -> Rows {
        try await pool.withConnection { connection in try await connection.query(statement, timeout: .seconds(30)) }
    }

    private static let change = Statement(
        "change configuration",
        """
        insert into configuration_messages (device) select $2 where fleetlog_accepted($1)
        on conflict (device) do update set revision = configuration_messages.revision + 1
        """)

    private static let waiting = Statement(
        "waiting configurations",
        """
        select device, revision from configuration_messages
        where revision > delivered_revision and device <> all ($2) order by device limit $1
        """)

    private static let delivered = Statement(
        "delivered configurations",
        """
        update configuration_messages m set delivered_revision = d.revision
        from unnest($1::text[], $2::bigint[]) as d (device, revision) where m.device = d.device
        """)

    private static let startAgain = Statement(
        "deliver configurations again",
        "update configuration_messages set delivered_revision = 0 where delivered_revision > 0")
}
