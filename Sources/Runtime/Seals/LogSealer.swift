package import Logging
import Metrics
import ServiceLifecycle

extension LeaseRole {
    /// Who seals the log. The key spells "fl-seals".
    package static let seals = LeaseRole("seals", key: 0x666C_2D73_6561_6C73)
}

/// Seals the log as it grows, and signs the head of its tree; one server at a time.
///
/// Sealing needs no key and always goes on. Without a key nothing is signed, so whoever may change the database may
/// change the seals with it.
package struct LogSealer: Service {
    package struct Pace: Sendable {
        /// How often it looks whether a block is full.
        package var round = Duration.seconds(1)
        /// Between two signed heads. A log that stands still is signed as often: that proves that nothing came.
        package var heads = Duration.seconds(60)

        package init() {}
    }

    private let pool: PostgresPool
    private let lease: any Lease
    private let keys: @Sendable () throws -> [SealKey]
    private let pace: Pace
    private let now: @Sendable () -> Timestamp
    private let announcing: @Sendable (SignedHead) throws -> [BoundStatement]
    private let publish: @Sendable (SignedHead) async -> Void
    private let logger: Logger
    private let sealed = Gauge(label: "fleetlog_sealed_position")
    private let signed = Gauge(label: "fleetlog_signed_head_position")
    private let signedTime = Gauge(label: "fleetlog_signed_head_time_seconds")

    /// - Parameters:
    ///   - lease: see ``PostgresLease`` with the role ``LeaseRole/seals``.
    ///   - keys: those that sign, the one in force first, asked for at each head; none if nothing is to be signed.
    ///   - announcing: what else is written in the transaction that stores a head.
    ///   - publish: is given each head when it is stored, and the newest again when this server gets the role.
    package init(
        pool: PostgresPool, lease: any Lease, keys: @escaping @Sendable () throws -> [SealKey], pace: Pace = Pace(),
        now: @escaping @Sendable () -> Timestamp = { .now() },
        announcing: @escaping @Sendable (SignedHead) throws -> [BoundStatement] = { _ in [] },
        publish: @escaping @Sendable (SignedHead) async -> Void = { _ in }, logger: Logger
    ) {
        self.pool = pool
        self.lease = lease
        self.keys = keys
        self.pace = pace
        self.now = now
        self.announcing = announcing
        self.publish = publish
        self.logger = logger
    }

    /// Seals until graceful shutdown.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            var backoff = Backoff(first: .seconds(1), limit: .seconds(60))
            while !Task.isCancelled {
                await lease.lead { await lead() }
                try? await Task.sleep(for: backoff.next())
            }
        }
    }

    private func lead() async {
        do {
            var term = try await SealingTerm(pool)
            // Whoever stored it may have died before it was published.
            if let newest = term.newestHead { await announce(newest) }
            while true {
                try await round(&term)
                try await Task.sleep(for: pace.round)
            }
        } catch {
            if Task.isCancelled { return }
            logger.error("The log cannot be sealed", metadata: ["reason": "\(String(reflecting: error))"])
        }
    }

    /// Seals what is full, and signs a head if it is time.
    private func round(_ term: inout SealingTerm) async throws {
        let head = try await pool.withConnection { try await $0.query(ReadStatements.head()) }.first?.int8(0) ?? 0
        try await term.seal(through: head)
        sealed.record(term.sealedPosition)
        if isDue(term.newestHead, head) || lacksNewKey(term.newestHead), case let keys = try keys(), !keys.isEmpty {
            await announce(try await term.sign(at: head, now(), with: keys, announcing: announcing))
        }
        guard let newest = term.newestHead else { return }
        signed.record(newest.size)
        signedTime.record(Double(newest.time.microseconds) / 1e6)
    }

    private func announce(_ head: SignedHead) async {
        await publish(head)
        Failpoint.reached(.headPublished)
    }

    /// Whoever trusts only the key in force should not have to wait for the next head. A file that cannot be read is an error
    /// when a head is due.
    private func lacksNewKey(_ newest: SignedHead?) -> Bool {
        guard let newest, let key = try? keys().first else { return false }
        return !newest.keys.contains(key.verifier)
    }

    private func isDue(_ newest: SignedHead?, _ head: Int64) -> Bool {
        guard let newest else { return head > 0 }
        return Duration.microseconds(now().microseconds - newest.time.microseconds) >= pace.heads
    }
}
