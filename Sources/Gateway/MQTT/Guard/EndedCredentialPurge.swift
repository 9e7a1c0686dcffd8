package import Logging
package import Runtime
import ServiceLifecycle

/// Forgets keys and certificates of devices that have ended. Which there were is in the devices' streams, and which
/// certificate was ever whose in `device_certificates`; a row that lets nobody in any more serves nobody.
package struct EndedCredentialPurge: Service {
    /// For how long they are kept: whoever keeps a table of those that hold must have seen them end before.
    static let delay = Duration.seconds(86_400)
    /// Rows of one statement, so that none holds its locks for long.
    private static let batch: Int64 = 1_000

    private let pool: PostgresPool
    private let interval: Duration
    private let logger: Logger

    package init(pool: PostgresPool, interval: Duration = .seconds(600), logger: Logger) {
        self.pool = pool
        self.interval = interval
        self.logger = logger
    }

    /// Goes round until graceful shutdown.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            repeat {
                do {
                    try await round()
                } catch {
                    logger.debug(
                        "Ended credentials wait to be forgotten", metadata: ["reason": "\(String(reflecting: error))"])
                }
            } while (try? await Task.sleep(for: interval)) != nil
        }
    }

    /// Deletes them, batch after batch; returns how many rows that were.
    @discardableResult
    package func round() async throws -> Int {
        var sum = 0
        while true {
            let statement = Self.delete(.float8(Self.delay / .seconds(1)), .int8(Self.batch))
            let count = try await pool.withConnection { connection in
                try await connection.query(statement, timeout: .seconds(30)).affected
            }
            sum += count
            if count < Self.batch { return sum }
        }
    }

    /// Passes over rows that an append has locked, so that neither waits for the other.
    static let delete = Statement(
        "forget ended device credentials",
        """
        delete from device_credentials
        where ctid = any(array(
            select ctid from device_credentials
            where expires_time < now() - make_interval(secs => $1)
            order by expires_time limit $2
            for update skip locked))
        """)
}
