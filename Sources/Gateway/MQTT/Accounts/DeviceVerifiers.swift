package import Runtime

/// What devices prove themselves with at the broker: the newest verifier of each that is not quarantined.
package protocol DeviceVerifiers: Sendable {
    func all() async throws -> [String: String]

    /// Those of the devices named, and those of all devices stored in the last two minutes.
    func recent(and devices: [String]) async throws -> [String: String]
}

package struct PostgresDeviceVerifiers: DeviceVerifiers {
    private let pool: PostgresPool

    package init(pool: PostgresPool) { self.pool = pool }

    package func all() async throws -> [String: String] { try await read(Self.all()) }

    package func recent(and devices: [String]) async throws -> [String: String] {
        try await read(Self.recent(.textArray(devices)))
    }

    private func read(_ statement: BoundStatement) async throws -> [String: String] {
        try await pool.withConnection { connection in
            let rows = try await connection.query(statement)
            var verifiers: [String: String] = [:]
            verifiers.reserveCapacity(rows.count)
            for row in rows { verifiers[try row.text(0)] = try row.text(1) }
            return verifiers
        }
    }

    private static let all = Statement(
        "all device verifiers",
        """
        select distinct on (device) device, verifier from device_credentials c
        where not exists (select from quarantined_devices q where q.device = c.device)
        order by device, created_time desc
        """)

    private static let recent = Statement(
        "recent device verifiers",
        """
        select distinct on (device) device, verifier from device_credentials c
        where (device = any ($1) or created_time > now() - interval '2 minutes')
            and not exists (select from quarantined_devices q where q.device = c.device)
        order by device, created_time desc
        """)
}
