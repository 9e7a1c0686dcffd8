package import Logging

extension PostgresConnection {
    /// Opens a connection, trying the hosts of the URL in turn, each for its connect timeout.
    ///
    /// libpq looks host names up on the poll thread and blocks it meanwhile; addresses and sockets do not wait.
    package static func connect(
        to url: DatabaseURL, on thread: PollThread, logger: Logger,
        onLoss: @escaping @Sendable (PostgresConnection) -> Void = { _ in }
    ) async throws(PostgresError) -> PostgresConnection {
        let connection = PostgresConnection(on: thread, logger: logger, onLoss: onLoss)
        try await connection.open(url)
        return connection
    }

    private func open(_ url: DatabaseURL) async throws(PostgresError) {
        var reasons: [String] = []
        for host in url.hosts {
            do throws(PostgresError) {
                return adopt(try await dial(host, deadline: .now + url.connectTimeout))
            } catch .connectFailed(let reason) {
                reasons.append(reason)
            }
        }
        throw .connectFailed(reason: reasons.joined(separator: "; "))
    }

    private func dial(
        _ host: [DatabaseURL.Parameter], deadline: ContinuousClock.Instant
    ) async throws(PostgresError) -> Wire {
        guard let wire = Wire(connectingTo: host) else { throw .connectFailed(reason: "out of memory") }
        guard !wire.hasFailed else { throw .connectFailed(reason: wire.message) }
        var interest = Readiness.write
        while true {
            do throws(PollThread.WaitFailure) {
                _ = try await thread.readiness(of: wire.socket, for: interest, deadline: deadline)
            } catch .cancelled {
                throw .cancelled
            } catch .timedOut {
                throw .connectFailed(reason: "no answer in time")
            } catch {
                throw .connectFailed(reason: "the socket cannot be polled")
            }
            switch wire.poll() {
            case .wait(let next): interest = next
            case .failed(let message): throw .connectFailed(reason: message)
            case .ready:
                guard wire.settle() else { throw .connectFailed(reason: wire.message) }
                return wire
            }
        }
    }

    private func adopt(_ opened: consuming Wire) {
        cancelHandle = opened.cancelHandle()
        wire = consume opened
        guard watchSocket() else { return lose("the poll thread was shut down") }
        self.opened()
        logger.debug("Connected to Postgres", metadata: ["backend": "\(backendPID)"])
    }
}
