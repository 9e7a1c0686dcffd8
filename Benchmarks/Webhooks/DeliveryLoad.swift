import Aggregates
import Runtime
import Workflows

/// Notifications of some accounts, each with some mailboxes, all at the same receiver.
struct DeliveryLoad: Sendable {
    static let accounts = 8
    static let mailboxes = 4
    static let notifications = 1_000
    static var deliveries: Int { notifications * mailboxes }

    let receiver: Receiver
    /// Notifications for a mailbox that never answers.
    var dead = 0

    static func notification(of account: String) -> Workflows.Notification {
        Notification(
            account: AccountID(account), severity: .critical, type: "fleetlog.alert.raised.v1",
            subject: "device/bench-1", title: "bench-1 overheats",
            text: "The average of the last 5 readings has been above 50 °C for 60 s.", data: ["device": "bench-1"])
    }

    /// Deliveries a second, from the notifications in their table to the last good answer.
    func run(on servers: ThrowawayServers) async throws -> Double {
        try await servers.withDatabase { url in
            let (reading, posting) = (try PollThread(name: "reading"), try TransferThread(name: "posting"))
            defer {
                posting.shutdown()
                reading.shutdown()
            }
            let url = try DatabaseURL(url)
            let pool = PostgresPool(url: url, size: 8, threads: [reading], logger: silent)
            defer { pool.close() }
            let store = PostgresEventStore(url: url, pool: pool, thread: reading, logger: silent)
            let snapshots = PostgresSnapshotStore(pool: pool, logger: silent)
            let directory = Directory<Account>(store: store, snapshots: snapshots)
            let webhooks = WebhookChannel(AddressPolicy(allowing: AddressPolicy.loopback), on: posting)
            let pump = DeliveryPump(
                pool: pool, accounts: directory, channels: .init(webhook: webhooks, email: webhooks), logger: silent)
            let dispatcher = NotificationDispatcher(
                pool: pool, accounts: directory, deliveries: pump.bell, logger: silent)
            return try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await store.run() }
                group.addTask { try await snapshots.run() }
                defer { group.cancelAll() }
                try await prepare(directory, store)
                let before = receiver.answered
                let begin = ContinuousClock.now
                group.addTask { try await dispatcher.run() }
                group.addTask { try await pump.run() }
                try await until("all webhooks are answered", within: .seconds(60)) {
                    receiver.answered - before >= Self.deliveries
                }
                let seconds = (.now - begin) / .seconds(1)
                try await verify(pool)
                return Double(Self.deliveries) / seconds
            }
        }
    }

    private func prepare(_ directory: Directory<Account>, _ store: PostgresEventStore) async throws {
        for number in 0..<Self.accounts { try await open("bench\(number)", "/", Self.mailboxes, directory) }
        if dead > 0 { try await open("dead", "/hang", 1, directory) }
        for first in stride(from: 0, to: Self.notifications + dead, by: 100) {
            let rows = try (first..<first + 100).map { number in
                let account = number < dead ? "dead" : "bench\(number % Self.accounts)"
                return try NotificationRecord.sideRow(
                    Self.notification(of: account), id: .v7(),
                    cause: NotificationCause(workflow: "bench", key: "\(number)", event: nil, timer: "bench"),
                    at: .now())
            }
            let event = NewEvent(
                id: .v7(), type: "Decided", observedTime: .now(), data: Array("{}".utf8),
                metadata: EventMetadata(
                    principal: .workflow("bench"), account: .default, commandID: .v7()))
            let stream = StreamName(category: "workflow", id: "bench-\(first)")
            _ = try await store.append(Append([StreamChange(stream, expecting: 0, events: [event])], sideRows: rows))
        }
    }

    private func open(
        _ account: String, _ path: String, _ mailboxes: Int, _ directory: Directory<Account>
    ) async throws {
        let context = CommandContext(time: .now(), principal: .system, scope: .all)
        let id = AccountID(account)
        try await directory.send(
            CommandEnvelope(id: .v7(), .open(id: id, name: account), context: context), to: account)
        for number in 0..<mailboxes {
            let mailbox = Mailbox(name: "m\(number)", channel: .webhook(url: receiver.url + path), severity: .info)
            try await directory.send(
                CommandEnvelope(
                    id: .v7(), .setMailbox(mailbox), context: context,
                    sideRows: MailboxSecrets.replacement(
                        MailboxSecrets.random(), of: mailbox.name, in: id, at: .now())), to: account)
        }
    }

    /// A fast pump that forgets what it has done would win nothing.
    private func verify(_ pool: PostgresPool) async throws {
        let count = Statement("count_delivered", "select count(*) from deliveries where state = 'delivered'")
        try await until("all deliveries are marked", within: .seconds(5)) {
            let marked = try await pool.withConnection { try await $0.query(count()).first?.int8(0) }
            return marked == Int64(Self.deliveries)
        }
    }
}
