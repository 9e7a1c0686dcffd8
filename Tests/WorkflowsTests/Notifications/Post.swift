import Aggregates
import Logging
import Runtime
import Support
import Synchronization
import Workflows

/// All that takes a notification from its row to its receivers, over a database of its own.
struct Post: Sendable {
    let log: PostgresLog
    let accounts: Directory<Account>
    let dispatcher: NotificationDispatcher
    let pump: DeliveryPump
    let ledger: PostgresNotificationLedger
    let channels: DeliveryPump.Channels

    static let start = Timestamp("2026-11-21T12:00:00Z") ?? Timestamp(microseconds: 0)

    /// - Parameters:
    ///   - webhook: stands between the pump and the real channel.
    ///   - timeout: of an attempt.
    static func with(
        mail: MailServer? = nil, timeout: Duration = .seconds(15), policy: AddressPolicy? = nil,
        limits: DeliveryLanes.Limits = .init(), _ body: @Sendable (Post) async throws -> Void
    ) async throws {
        let (posting, mailing) = (try TransferThread(name: "posting"), try TransferThread(name: "mailing"))
        defer {
            posting.shutdown()
            mailing.shutdown()
        }
        try await PostgresLog.with { log in
            let channels = DeliveryPump.Channels(
                webhook: WebhookChannel(
                    policy ?? AddressPolicy(allowing: AddressPolicy.loopback), on: posting, timeout: timeout),
                email: MailChannel(mail, on: mailing, timeout: timeout))
            try await body(Post(log, channels, limits))
        }
    }

    private init(_ log: PostgresLog, _ channels: DeliveryPump.Channels, _ limits: DeliveryLanes.Limits) {
        self.log = log
        self.channels = channels
        accounts = Directory(store: log.store, snapshots: log.snapshots)
        pump = DeliveryPump(
            pool: log.pool, accounts: accounts, channels: channels, limits: limits, logger: Self.quiet)
        dispatcher = NotificationDispatcher(
            pool: log.pool, accounts: accounts, deliveries: pump.bell, logger: Self.quiet)
        ledger = PostgresNotificationLedger(pool: log.pool, pump: pump.bell)
    }

    static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// Another server's pump over the same database.
    func otherPump(_ channels: DeliveryPump.Channels) -> DeliveryPump {
        DeliveryPump(pool: log.pool, accounts: accounts, channels: channels, logger: Self.quiet)
    }

    func open(_ account: String) async throws {
        try await send(.open(id: AccountID(account), name: account), to: account)
    }

    func send(_ command: Account.Command, to account: String, sideRows: [SideRow] = []) async throws {
        try await accounts.send(
            CommandEnvelope(
                id: .v7(), command, context: CommandContext(time: Self.start, principal: .system, scope: .all),
                sideRows: sideRows), to: account)
    }

    /// Sets a webhook at the receiver, and returns its secret.
    @discardableResult
    func setWebhook(
        _ name: String = "ops", of account: String = "kew", at url: String, severity: Severity = .info
    ) async throws -> [UInt8] {
        let secret = MailboxSecrets.random()
        let mailbox = Mailbox(name: name, channel: .webhook(url: url), severity: severity)
        try await send(
            .setMailbox(mailbox), to: account,
            sideRows: MailboxSecrets.replacement(secret, of: name, in: AccountID(account), at: Self.start))
        return secret
    }

    func setEmail(_ address: String, name: String = "ops", of account: String = "kew") async throws {
        try await send(
            .setMailbox(Mailbox(name: name, channel: .email(address: address), severity: .info)), to: account)
    }

    /// Records a notification with a decision, as a workflow does, and returns its id.
    @discardableResult
    func notify(
        _ account: String = "kew", _ severity: Severity = .critical, title: String = "Too hot",
        text: String = "The kitchen is at 71 °C.", at time: Timestamp = start
    ) async throws -> UUID128 {
        let id = UUID128.v7()
        let notification = Notification(
            account: AccountID(account), severity: severity, type: "fleetlog.alert.raised.v1",
            subject: "device/kitchen-1", title: title, text: text, data: ["device": "kitchen-1"])
        let cause = NotificationCause(
            workflow: "overheating", key: "kitchen-1", event: (UUID128(high: 1, low: 2), 7), timer: nil)
        let event = NewEvent(
            id: .v7(), type: "Overheated", observedTime: time, data: Array("{}".utf8),
            metadata: EventMetadata(
                principal: .workflow("overheating"), account: AccountID(account), commandID: .v7()))
        let row = try NotificationRecord.sideRow(notification, id: id, cause: cause, at: time)
        _ = try await log.store.append(
            Append(
                [StreamChange(StreamName(category: "workflow", id: "test-\(id)"), expecting: 0, events: [event])],
                sideRows: [row]))
        return id
    }

    /// Dispatches and delivers what is due; returns how many attempts there were.
    @discardableResult
    func deliver(at time: Timestamp = start) async throws -> Int {
        try await dispatcher.dispatchOnce(at: time)
        return try await pump.deliverDue(at: time)
    }

    func delivery(_ id: UUID128, to mailbox: String = "ops") async throws -> DeliveryRow? {
        try await ledger.deliveries(of: id).first { $0.mailbox == mailbox }
    }
}
