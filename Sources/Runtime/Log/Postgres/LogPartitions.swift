import Logging

/// Has the partitions of the log made before they are needed.
///
/// How many there are to be follows from the head of the log, in the database; the server may only ask.
struct LogPartitions: Sendable {
    private static let interval = Duration.seconds(30)

    static let make = Statement("make_partitions", "select fleetlog_make_partitions()", effect: .writes)

    let pool: PostgresPool
    let logger: Logger

    /// Runs until the task is cancelled. A partition holds millions of events, so there is time for another attempt.
    func run() async {
        repeat {
            do {
                let rows = try await pool.withConnection { connection in
                    try await connection.query(Self.make(), timeout: .seconds(20))
                }
                let made = try rows.first?.int4(0) ?? 0
                if made > 0 { logger.info("Made partitions of the log", metadata: ["partitions": "\(made)"]) }
            } catch {
                logger.warning(
                    "Partitions of the log could not be made", metadata: ["error": "\(String(reflecting: error))"])
            }
        } while (try? await Task.sleep(for: Self.interval)) != nil
    }
}

extension PostgresError {
    /// Whether an event has no partition to go to. No constraint is named then, unlike where a check is violated.
    var lacksPartition: Bool {
        if case .server(let error) = self {
            error.sqlState == .checkViolation && error.constraint == nil
        } else {
            false
        }
    }
}
