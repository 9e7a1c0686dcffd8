internal import Glibc
package import Logging
import Metrics
import ServiceLifecycle

/// Measures the database, and the disk it lies on if that is known, and says when it will be full.
package struct DiskWatch: Service {
    /// The file system of the database.
    package struct Disk: Sendable {
        /// Any folder on it.
        package var folder: String
        /// How full it may be, in percent.
        package var watermark: Int

        package init(folder: String, watermark: Int) {
            self.folder = folder
            self.watermark = watermark
        }

        /// Free for others than root, and in all; nil if there is no such folder.
        package var space: (free: Int64, total: Int64)? {
            var answer = statvfs()
            guard statvfs(folder, &answer) == 0 else { return nil }
            let block = Int64(answer.f_frsize)
            return (Int64(answer.f_bavail) * block, Int64(answer.f_blocks) * block)
        }
    }

    private let pool: PostgresPool
    private let disk: Disk?
    private let interval: Duration
    private let logger: Logger
    private let size = Gauge(label: "fleetlog_database_bytes")
    private let growth = Gauge(label: "fleetlog_database_growth_bytes_per_day")
    private let free = Gauge(label: "fleetlog_database_disk_free_bytes")
    private let days = Gauge(label: "fleetlog_database_disk_days_left")

    package init(pool: PostgresPool, disk: Disk?, interval: Duration = .seconds(60), logger: Logger) {
        self.pool = pool
        self.disk = disk
        self.interval = interval
        self.logger = logger
    }

    /// Measures until graceful shutdown.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            var forecast = DiskForecast()
            repeat { await measure(&forecast) } while (try? await Task.sleep(for: interval)) != nil
        }
    }

    private func measure(_ forecast: inout DiskForecast) async {
        do {
            let rows = try await pool.withConnection { connection in
                try await connection.query(Self.measure(), timeout: .seconds(30))
            }
            guard let bytes = try rows.first?.int8(0) else { return }
            forecast.note(bytes, at: .now())
            size.record(bytes)
        } catch {
            logger.debug("The database could not be measured", metadata: ["error": "\(String(reflecting: error))"])
        }
        if let rate = forecast.bytesPerDay { growth.record(rate) }
        guard let disk, let space = disk.space else { return }
        free.record(space.free)
        if let left = forecast.days(free: space.free, reserve: space.total / 100 * Int64(100 - disk.watermark)) {
            days.record(left)
        }
    }

    private static let measure = Statement("database_size", "select pg_database_size(current_database())")
}
