package import Projections
package import Runtime

/// Which device of an account holds which serial number.
package protocol SerialNumbers: Sendable {
    /// The holders of those that are held, by serial number.
    func holders(of serials: [String], in account: AccountID) async throws(QueryError) -> [String: String]
}

package struct PostgresSerialNumbers: SerialNumbers {
    private let pool: PostgresPool

    package init(pool: PostgresPool) { self.pool = pool }

    package func holders(
        of serials: [String], in account: AccountID
    ) async throws(QueryError) -> [String: String] {
        // Postgres has no text with a NUL, so nobody holds it; the device that is given it says why not.
        let serials = serials.filter { !$0.utf8.contains(0) }
        do {
            return try await pool.withConnection { connection in
                let rows = try await connection.query(
                    Self.select(.text(account.rawValue), .textArray(serials)), timeout: .seconds(10))
                var holders: [String: String] = [:]
                for row in rows { holders[try row.text(0)] = try row.text(1) }
                return holders
            }
        } catch PostgresError.timedOut {
            throw .timedOut
        } catch {
            throw .unavailable(reason: String(reflecting: error))
        }
    }

    private static let select = Statement(
        "holders of serial numbers",
        "select serial, device from device_serials where account = $1 and serial = any ($2)")
}
