package import Logging
import Metrics
import ServiceLifecycle

/// Forgets accepted commands that are older than the window in which they may be sent again.
package struct AcceptancePurge: Service {
    /// Rows of one statement, so that none holds its locks for long.
    private static let batch: Int64 = 1_000

    private let pool: PostgresPool
    private let window: Duration
    private let interval: Duration
    private let logger: Logger
    private let purged = Counter(label: "fleetlog_accepted_commands_purged_total")

    /// - Parameters:
    ///   - window: how long a command is remembered at least.
    ///   - interval: between two rounds.
    package init(pool: PostgresPool, window: Duration, interval: Duration = .seconds(60), logger: Logger) {
        self.pool = pool
        self.window = window
        self.interval = interval
        self.logger = logger
        purged.increment(by: 0)
    }

    /// Goes round until graceful shutdown.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            while (try? await Task.sleep(for: interval)) != nil {
                do {
                    try await round()
                } catch {
                    logger.debug(
                        "Accepted commands wait to be purged", metadata: ["reason": "\(String(reflecting: error))"])
                }
            }
        }
    }

    /// Deletes what is too old, batch after batch; returns how many rows that were.
    @discardableResult
    package func round() async throws -> Int {
        var sum = 0
        while true {
            let statement = AcceptanceStatements.purge(
                .float8(window / .seconds(1)), .int8(Self.batch))
            let count = try await pool.withConnection { connection in
                try await connection.query(statement, timeout: .seconds(30)).affected
            }
            purged.increment(by: count)
            sum += count
            if count < Self.batch { return sum }
        }
    }
}
