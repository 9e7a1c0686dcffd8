package import Aggregates
package import Logging
package import Runtime
import ServiceLifecycle
import Synchronization

/// Takes due deliveries to their mailboxes, again and again until they are taken or are dead.
///
/// Any server may do it, several at once. An attempt is claimed and put into the ledger before it is made; if its server
/// dies, the claim runs out and another server tries again, under the same key.
package struct DeliveryPump: Service {
    package struct Channels: Sendable {
        package var webhook: any DeliveryChannel
        package var email: any DeliveryChannel

        package init(webhook: any DeliveryChannel, email: any DeliveryChannel) {
            self.webhook = webhook
            self.email = email
        }
    }

    package let bell: Bell
    private let pool: PostgresPool
    private let accounts: Directory<Account>
    private let channels: Channels
    private let schedule: RetrySchedule
    private let limits: DeliveryLanes.Limits
    private let now: @Sendable () -> Timestamp
    private let logger: Logger
    private let metrics = DeliveryMetrics()
    private let claim = UUID128.v7()

    /// Longer than any attempt takes.
    package static let claimDuration = Duration.seconds(60)
    private static let pollInterval = Duration.seconds(1)

    package init(
        pool: PostgresPool, accounts: Directory<Account>, channels: Channels, bell: Bell = Bell(),
        schedule: RetrySchedule = .standard, limits: DeliveryLanes.Limits = .init(), logger: Logger,
        now: @escaping @Sendable () -> Timestamp = { .now() }
    ) {
        self.pool = pool
        self.accounts = accounts
        self.channels = channels
        self.bell = bell
        self.schedule = schedule
        self.limits = limits
        self.now = now
        self.logger = logger
    }

    /// Runs until graceful shutdown, which interrupts the attempts under way and records that.
    package func run() async throws {
        let stopping = Atomic(false)
        await withGracefulShutdownHandler {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await cancelWhenGracefulShutdown { await countPending() } }
                await follow { stopping.load(ordering: .acquiring) }
                group.cancelAll()
            }
        } onGracefulShutdown: {
            stopping.store(true, ordering: .releasing)
            bell.ring()
        }
    }

    /// Attempts all that is due at `time`, and returns how many attempts that took.
    @discardableResult
    package func deliverDue(at time: Timestamp) async throws -> Int {
        let desk = Desk()
        return try await withThrowingDiscardingTaskGroup { group in
            var lanes = DeliveryLanes(limits)
            var attempts = 0
            while true {
                let heard = bell.heard
                let finished = desk.takeFinished()
                let claimed = try await turn(finished, &lanes, claiming: true, at: time)
                attempts += claimed.count
                begin(claimed, desk, at: { time }, in: &group)
                if lanes.underWay == 0 { return attempts }
                if claimed.isEmpty { await bell.wait(past: heard, atMost: Self.pollInterval) }
            }
        }
    }

    private func follow(isStopping: @Sendable () -> Bool) async {
        let desk = Desk()
        await withDiscardingTaskGroup { group in
            var lanes = DeliveryLanes(limits)
            var backoff = Backoff(first: .milliseconds(100), limit: .seconds(5))
            while true {
                let heard = bell.heard
                let stopping = isStopping()
                if stopping { group.cancelAll() }
                let finished = desk.takeFinished()
                do {
                    let claimed = try await turn(finished, &lanes, claiming: !stopping, at: now())
                    backoff.reset()
                    begin(claimed, desk, at: now, in: &group)
                    if stopping && lanes.underWay == 0 { return }
                    if claimed.isEmpty { await bell.wait(past: heard, atMost: Self.pollInterval) }
                } catch {
                    // Not to be recorded any more; the claims will run out.
                    if Task.isCancelled || stopping { return }
                    desk.putBack(finished)
                    logger.warning(
                        "Deliveries cannot be claimed or recorded", metadata: ["reason": "\(String(reflecting: error))"]
                    )
                    try? await Task.sleep(for: backoff.next())
                }
            }
        }
    }

    /// Records what has ended and claims what is due, in one transaction: while one commits, the next gathers.
    private func turn(
        _ finished: [FinishedDelivery], _ lanes: inout DeliveryLanes, claiming: Bool, at time: Timestamp
    ) async throws -> [ClaimedDelivery] {
        var after = lanes
        for one in finished { after.end(one.delivery.lane, succeeded: one.result.outcome != .failed) }
        var statements: [BoundStatement] = []
        if !finished.isEmpty { statements.append(DeliveryStatements.finish(finished, claim: claim)) }
        let claims = claiming && after.free > 0
        if claims {
            statements.append(
                DeliveryStatements.claim(by: claim, until: time + Self.claimDuration, lanes: after, at: time))
        }
        let batch = statements
        let rows = try await pool.withConnection { try await $0.run(batch, timeout: .seconds(30)) }
        Failpoint.reached(.deliveryMarked, if: !finished.isEmpty)
        for one in finished { metrics.note(one) }
        let claimed = claims ? try (rows.last ?? .none).map { try ClaimedDelivery($0) } : []
        for delivery in claimed { after.begin(delivery.lane) }
        lanes = after
        return claimed
    }

    // MARK: Attempts

    private func begin(
        _ claimed: [ClaimedDelivery], _ desk: Desk, at clock: @escaping @Sendable () -> Timestamp,
        in group: inout some AttemptGroup
    ) {
        for (account, deliveries) in Dictionary(grouping: claimed, by: \.notification.account) {
            group.addAttempts { await attempt(deliveries, of: account, desk, clock) }
        }
    }

    /// The mailboxes are read anew: one that was corrected or removed meanwhile counts as it is now.
    private func attempt(
        _ deliveries: [ClaimedDelivery], of account: AccountID, _ desk: Desk,
        _ clock: @escaping @Sendable () -> Timestamp
    ) async {
        let time = clock()
        var mailboxes: [String: Mailbox] = [:]
        var secrets: [String: [[UInt8]]] = [:]
        var obstacle: AttemptResult?
        do {
            mailboxes = try await accounts.recallLatest(account.rawValue).state.mailboxes
            secrets = try await MailboxSecrets.signing(for: account, at: time, in: pool)
        } catch {
            logger.warning(
                "An account cannot be read to deliver to it",
                metadata: ["account": "\(account)", "reason": "\(String(reflecting: error))"])
            obstacle = AttemptResult(Task.isCancelled ? .interrupted : .failed, reason: "The account cannot be read.")
        }
        await withDiscardingTaskGroup { [mailboxes, secrets, obstacle] group in
            for delivery in deliveries {
                group.addTask {
                    var result = obstacle ?? AttemptResult(.refused, reason: "The mailbox was removed.")
                    if obstacle == nil, let mailbox = mailboxes[delivery.mailbox] {
                        result = await send(delivery, to: mailbox, secrets[delivery.mailbox] ?? [], at: time)
                    }
                    desk.put(
                        FinishedDelivery(
                            delivery, result, schedule, jitter: .random(in: 0...1), at: clock()))
                    bell.ring()
                }
            }
        }
    }

    private func send(
        _ delivery: ClaimedDelivery, to mailbox: Mailbox, _ secrets: [[UInt8]], at time: Timestamp
    ) async -> AttemptResult {
        let message = DeliveryMessage(
            id: delivery.id, notification: delivery.notification, createdTime: delivery.createdTime, mailbox: mailbox,
            secrets: secrets, time: time)
        Failpoint.reached(.deliveryClaimed)
        let result =
            switch mailbox.channel {
            case .webhook: await channels.webhook.send(message)
            case .email: await channels.email.send(message)
            }
        Failpoint.reached(.deliverySent, if: result.outcome == .delivered)
        return result
    }

    private func countPending() async {
        repeat {
            let count = try? await pool.withConnection { connection in
                try await connection.query(DeliveryStatements.pending(), timeout: .seconds(5)).first?.int8(0)
            }
            if let count { metrics.pending(count) }
        } while (try? await Task.sleep(for: .seconds(15))) != nil
    }
}

/// Where attempts lay down what came of them, until a turn takes it along.
private final class Desk: Sendable {
    private let finished = Mutex<[FinishedDelivery]>([])

    func put(_ one: FinishedDelivery) { finished.withLock { $0.append(one) } }

    func takeFinished() -> [FinishedDelivery] {
        finished.withLock { finished in
            defer { finished = [] }
            return finished
        }
    }

    func putBack(_ earlier: [FinishedDelivery]) { finished.withLock { $0 = earlier + $0 } }
}

/// The two kinds of group that attempts run in: one for a server's life, one for a test's step.
private protocol AttemptGroup {
    mutating func addAttempts(_ work: @escaping @Sendable () async -> Void)
}

extension DiscardingTaskGroup: AttemptGroup {
    mutating func addAttempts(_ work: @escaping @Sendable () async -> Void) { addTask { await work() } }
}

extension ThrowingDiscardingTaskGroup: AttemptGroup {
    mutating func addAttempts(_ work: @escaping @Sendable () async -> Void) { addTask { await work() } }
}
