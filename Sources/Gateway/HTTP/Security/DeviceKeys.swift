package import Aggregates
package import Runtime

/// Knows which key and which certificate belongs to which device.
package protocol DeviceKeys: Sendable {
    /// Whether the device may prove itself with the key now. Takes as long for a device that there is not.
    func verify(device: String, key: String) async throws(DeviceKeysError) -> Bool
    /// Those that hold now, in the order of their numbers.
    func credentials(of device: String) async throws(DeviceKeysError) -> [DeviceCredential]
    /// Whether a certificate with this SHA-256 was ever registered, for whichever device.
    func isRegistered(certificate sha256: [UInt8]) async throws(DeviceKeysError) -> Bool
}

/// A key or certificate of a device as a person may see it: all but the key.
package struct DeviceCredential: Sendable, Equatable {
    package var key: Int
    package var created: Timestamp
    package var expires: Timestamp?
    /// When the device last connected with it, as far as the broker has told: up to a minute late.
    package var lastUsed: Timestamp?
    /// Nil for a key.
    package var certificate: DeviceCertificate?

    package init(
        key: Int, created: Timestamp, expires: Timestamp? = nil, lastUsed: Timestamp? = nil,
        certificate: DeviceCertificate? = nil
    ) {
        self.key = key
        self.certificate = certificate
        self.created = created
        self.expires = expires
        self.lastUsed = lastUsed
    }
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

    package func credentials(of device: String) async throws(DeviceKeysError) -> [DeviceCredential] {
        do {
            return try await pool.withConnection { connection in
                try await connection.query(Self.list(.text(device)), timeout: .seconds(10)).map { row in
                    DeviceCredential(
                        key: Int(try row.int8(0)), created: try row.timestamp(1),
                        expires: try row.timestamp(ifPresent: 2), lastUsed: try row.timestamp(ifPresent: 3),
                        certificate: try Self.certificate(row))
                }
            }
        } catch {
            throw .unavailable(reason: String(reflecting: error))
        }
    }

    package func isRegistered(certificate sha256: [UInt8]) async throws(DeviceKeysError) -> Bool {
        do {
            return try await pool.withConnection { connection in
                try await !connection.query(Self.known(.bytes(sha256)), timeout: .seconds(10)).isEmpty
            }
        } catch {
            throw .unavailable(reason: String(reflecting: error))
        }
    }

    private static func certificate(_ row: Row) throws -> DeviceCertificate? {
        guard let hash = try row.bytes(ifPresent: 4) else { return nil }
        return DeviceCertificate(
            sha256: hash.hexadecimal, subject: try row.text(5), notAfter: try row.timestamp(6))
    }

    private static let list = Statement(
        "list keys of a device",
        """
        select
            key_id::bigint, created_time, expires_time, last_used_time, certificate_sha256, certificate_subject,
            certificate_not_after
        from device_credentials
        where device = $1 and (expires_time is null or expires_time > now()) order by key_id::bigint
        """)

    private static let select = Statement(
        "select keys of a device",
        """
        select key_hash, verifier from device_credentials
        where device = $1 and certificate_sha256 is null and (expires_time is null or expires_time > now())
        """)

    private static let known = Statement(
        "device certificate by hash", "select 1 from device_certificates where sha256 = $1")
}
