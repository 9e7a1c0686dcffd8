import Logging

/// Carries the news of new events between servers by NOTIFY, on a connection of its own, and polls the head besides.
///
/// NOTIFY is sent after the commit and coalesced: inside the append's transaction it would take a lock of the whole
/// Postgres instance. A lost notification costs time only, since the poll is the truth.
actor LogAnnouncer {
    private static let channel = "fleetlog_log"
    private static let notify = Statement("announce", "select pg_notify('fleetlog_log', $1)")
    private static let pollInterval = Duration.seconds(1)

    private let url: DatabaseURL
    private let thread: PollThread
    private let signal: LogSignal
    private let logger: Logger
    private var announced: Int64 = 0

    init(url: DatabaseURL, thread: PollThread, signal: LogSignal, logger: Logger) {
        self.url = url
        self.thread = thread
        self.signal = signal
        self.logger = logger
    }

    /// Runs until the task is cancelled; a lost connection is opened again.
    func run() async {
        var backoff = Backoff(first: .milliseconds(100), limit: .seconds(5))
        while !Task.isCancelled {
            do {
                let connection = try await PostgresConnection.connect(to: url, on: thread, logger: logger)
                try await connection.listen(Self.channel)
                backoff.reset()
                await follow(connection)
                await connection.close()
            } catch {
                logger.warning(
                    "log announcements interrupted", metadata: ["error": "\(String(reflecting: error))"])
            }
            try? await Task.sleep(for: backoff.next())
        }
    }

    private func follow(_ connection: PostgresConnection) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.announce(on: connection) }
            group.addTask { await self.poll(on: connection) }
            group.addTask { await self.hear(connection) }
            await group.next()
            group.cancelAll()
        }
    }

    /// Sends one notification for all that was appended since the last.
    private func announce(on connection: PostgresConnection) async {
        while !Task.isCancelled {
            await signal.wait(past: announced, atMost: .seconds(60))
            let position = signal.position
            guard position > announced else { continue }
            do {
                _ = try await connection.query(Self.notify(.text(String(position))), timeout: .seconds(10))
                announced = position
            } catch {
                return
            }
        }
    }

    private func hear(_ connection: PostgresConnection) async {
        for await notification in connection.notifications {
            guard let position = Int64(notification.payload) else { continue }
            announced = max(announced, position)
            signal.advance(to: position)
        }
    }

    private func poll(on connection: PostgresConnection) async {
        while !Task.isCancelled {
            do {
                let rows = try await connection.query(ReadStatements.head(), timeout: .seconds(10))
                if let position = try rows.first?.int8(0) {
                    announced = max(announced, position)
                    signal.advance(to: position)
                }
                try await Task.sleep(for: Self.pollInterval)
            } catch {
                return
            }
        }
    }
}
