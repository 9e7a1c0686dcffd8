package import Runtime

/// Knows which key belongs to which device.
package protocol DeviceKeys: Sendable {
    /// Whether the device may prove itself with the key now. Takes as long for a device that there is not.
    func verify(device: String, key: String) async throws(DeviceKeysError) -> Bool
}

package enum DeviceKeysError: Error, Sendable, Hashable {
    case unavailable(reason: String)
}

package struct PostgresDeviceKeys: DeviceKeys {
    private let pool: PostgresPool

    package init(pool: PostgresPool) { self.pool = pool }

    package func verify(device: String, key: String) async throws(DeviceKeysError) -> Bool {
        let key = DeviceKey(text: key)
        do {
            return try await pool.withConnection { connection in
                let rows = try await connection.query(Self.select(.text(device)), timeout: .seconds(10))
                // Looked at where there is none, so that nobody learns by the time which devices there are.
                if rows.isEmpty { return key.isProven(by: []) }
                return try rows.reduce(false) { holds, row in
                    if let hash = try row.bytes(ifPresent: 0) { return key.isProven(by: hash) || holds }
                    return key.isProven(byVerifier: try row.text(1)) || holds
                }
            }
        } catch {
            throw .unavailable(reason: String(reflecting: error))
        }
    }

    private static let select = Statement(
        "select keys of a device",
        """
        select key_hash, verifier from device_credentials
        where device = $1 and (expires_time is null or expires_time > now())
        """)
}
