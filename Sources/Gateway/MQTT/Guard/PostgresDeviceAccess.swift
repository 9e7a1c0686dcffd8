package import Aggregates
import Foundation
package import Runtime

package struct PostgresDeviceAccess: DeviceAccessSource {
    private let pool: PostgresPool

    package init(pool: PostgresPool) { self.pool = pool }

    package func extent() async throws -> (revision: Int64, devices: Int) {
        try await pool.withConnection { connection in
            guard let row = try await connection.query(Self.extent()).first else { return (0, 0) }
            return (try row.int8(0), Int(try row.int8(1)))
        }
    }

    package func page(after device: String, limit: Int) async throws -> [DeviceAccess] {
        try await read(Self.page(.text(device), .int8(Int64(limit))))
    }

    package func page(of type: DeviceTypeName, after device: String, limit: Int) async throws -> [DeviceAccess] {
        try await read(
            Self.typePage(
                .text(device), .int8(Int64(limit)), .text(type.account.rawValue), .text(type.type.rawValue)))
    }

    package func changes(after revision: Int64, limit: Int) async throws -> [DeviceAccess] {
        try await read(Self.changes(.int8(revision), .int8(Int64(limit))))
    }

    package func expired(since time: Timestamp) async throws -> [DeviceAccess] {
        try await read(Self.expired(.timestamp(time)))
    }

    package func access(of devices: [String]) async throws -> [DeviceAccess] {
        try await read(Self.some(.textArray(devices)))
    }

    package func note(used: [(device: String, number: UInt16)], learned: [LearnedKey]) async throws {
        try await pool.withConnection { connection in
            if !used.isEmpty {
                _ = try await connection.query(
                    Self.used(.textArray(used.map(\.device)), .textArray(used.map { "\($0.number)" })))
            }
            for key in learned {
                _ = try await connection.query(
                    Self.learned(.text(key.device), .text("\(key.number)"), .bytes(key.sha256)))
            }
        }
    }

    private func read(_ statement: BoundStatement) async throws -> [DeviceAccess] {
        try await pool.withConnection { connection in
            var all: [DeviceAccess] = []
            for row in try await connection.query(statement) {
                let device = try row.text(0)
                if all.last?.device != device {
                    let state = DeviceAccess.State(rawValue: try row.text(2)) ?? .removed
                    all.append(
                        DeviceAccess(
                            device: device, revision: try row.int8(1), state: state, keys: [],
                            type: try Self.type(row), limits: try Self.limits(row)))
                }
                if let key = try Self.key(row) { all[all.count - 1].keys.append(key) }
            }
            return all
        }
    }

    private static func type(_ row: Row) throws -> DeviceTypeName? {
        guard let account = try row.text(ifPresent: 7), let type = try row.text(ifPresent: 8) else { return nil }
        return DeviceTypeName(account: AccountID(account), type: DeviceType(type))
    }

    /// Nil also for what cannot be read: the type's hold then.
    private static func limits(_ row: Row) throws -> MessageLimits? {
        guard let text = try row.text(ifPresent: 9) else { return nil }
        return try? JSONDecoder().decode(MessageLimits.self, from: Data(text.utf8))
    }

    /// Nil for a device without keys, and for a verifier that cannot be read: nobody gets in by it.
    private static func key(_ row: Row) throws -> DeviceAccess.Key? {
        guard let id = try row.text(ifPresent: 3), let number = UInt16(id) else { return nil }
        let expires = try row.timestamp(ifPresent: 6)
        if let hash = try row.bytes(ifPresent: 4) {
            return DeviceAccess.Key(number: number, proof: .sha256(hash), expires: expires)
        }
        if let hash = try row.bytes(ifPresent: 10) {
            return DeviceAccess.Key(number: number, proof: .certificate(hash), expires: expires)
        }
        guard let proof = try row.text(ifPresent: 5).flatMap(derivation) else { return nil }
        return DeviceAccess.Key(number: number, proof: proof, expires: expires)
    }

    /// Reads `$7$rounds$salt$hash`.
    private static func derivation(_ verifier: String) -> DeviceAccess.Key.Proof? {
        let parts = verifier.split(separator: "$")
        guard parts.count == 4, parts[0] == "7", let rounds = UInt32(parts[1]),
            let salt = Data(base64Encoded: String(parts[2])), let hash = Data(base64Encoded: String(parts[3])),
            hash.count == 64, salt.count <= 64, (1...1_000).contains(rounds)
        else { return nil }
        return .derived(rounds: rounds, salt: Array(salt), hash: Array(hash))
    }

    private static let columns =
        """
        a.device, a.revision, a.state, c.key_id, c.key_hash, c.verifier, c.expires_time, a.account, a.type,
        a.limits::text, c.certificate_sha256
        """
    /// A key whose time has run out is no key.
    private static let keys =
        "left join device_credentials c on c.device = a.device and (c.expires_time is null or c.expires_time > now())"

    private static let extent = Statement(
        "extent of device access", "select coalesce(max(revision), 0), count(*) from device_access")

    private static let page = Statement(
        "page of device access",
        """
        with a as (select * from device_access where device > $1 order by device limit $2)
        select \(columns) from a \(keys) order by a.device
        """)

    private static let typePage = Statement(
        "page of device access of a type",
        """
        with a as (
            select * from device_access where device > $1 and account = $3 and type = $4 order by device limit $2
        )
        select \(columns) from a \(keys) order by a.device
        """)

    private static let changes = Statement(
        "changes of device access",
        """
        with a as (select * from device_access where revision > $1 order by revision limit $2)
        select \(columns) from a \(keys) order by a.revision
        """)

    private static let expired = Statement(
        "access whose keys ran out",
        """
        select \(columns) from device_access a \(keys)
        where a.device in (
            select device from device_credentials where expires_time > $1 and expires_time <= now())
        order by a.device
        """)

    // Planned each time: a plan of the first day, when there were few devices, reads all of them once there are many.
    private static let some = Statement.unprepared(
        "access of some devices",
        "select \(columns) from device_access a \(keys) where a.device = any ($1) order by a.device")

    private static let used = Statement(
        "note used device keys",
        """
        update device_credentials c set last_used_time = now()
        from unnest($1::text[], $2::text[]) u (device, key_id) where c.device = u.device and c.key_id = u.key_id
        """)

    private static let learned = Statement(
        "keep a learned hash",
        """
        update device_credentials set key_hash = $3, verifier = null
        where device = $1 and key_id = $2 and key_hash is null
        """)
}
