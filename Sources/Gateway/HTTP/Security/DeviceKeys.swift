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
        let verifiers: [String]
        do {
            verifiers = try await pool.withConnection { connection in
                try await connection.query(Self.select(.text(device)), timeout: .seconds(10)).map { try $0.text(0) }
            }
        } catch {
            throw .unavailable(reason: String(reflecting: error))
        }
        let key = DeviceKey(text: key)
        return (verifiers.isEmpty ? [Self.nobodys] : verifiers).reduce(false) { key.isProven(by: $1) || $0 }
    }

    /// Of a key that nobody has; looked at where there is none.
    private static let nobodys = "$7$101$AAAAAAAAAAAAAAAA$"

    private static let select = Statement(
        "select device verifiers", "select verifier from device_credentials where device = $1")
}
