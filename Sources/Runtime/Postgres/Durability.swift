/// Why a database may not hold the log.
package enum DurabilityError: Error, Sendable, Hashable {
    /// These settings are off, so a commit may be lost after it was acknowledged.
    case switchedOff([String])
    case unavailable(PostgresError)
}

extension DurabilityError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .switchedOff(let settings):
            "Postgres runs with \(settings.joined(separator: ", ")) off: acknowledged events could be lost in a crash. "
                + "Switch it on, for this role and database too."
        case .unavailable(let error): error.description
        }
    }
}

private let readSettings = Statement(
    "read durability settings",
    """
    select name from pg_settings
    where name in ('fsync', 'synchronous_commit', 'full_page_writes') and setting = 'off' order by name
    """)

/// Refuses a database whose commits do not survive a crash, as this connection's role sees it.
package func checkDurability(_ connection: PostgresConnection) async throws(DurabilityError) {
    let off: [String]
    do throws(PostgresError) {
        var names: [String] = []
        for row in try await connection.query(readSettings()) { names.append(try row.text(0)) }
        off = names
    } catch {
        throw .unavailable(error)
    }
    guard off.isEmpty else { throw .switchedOff(off) }
}
