import Aggregates
import Foundation
import Gateway
import Logging
import Runtime
import Support
import Testing
import Workflows

@Suite(.timeLimit(.minutes(2))) struct `A notification over HTTP` {
    private static let start = Timestamp.now()

    @Test func `shows every attempt and the way back to its cause, and is delivered again on command`() async throws {
        try await with { gateway, post in
            let id = try await post.notify("default", at: Self.start)
            try await post.deliver(.failed, code: 503, at: Self.start)
            let path = "/api/v1/notifications/\(id)"
            let read = try await gateway.ask("GET", path)
            #expect(read.status == 200 && read[text: "title"] == "Too hot" && read[text: "account"] == "default")
            let cause = try #require(read.json["cause"] as? [String: Any])
            #expect(cause["workflow"] as? String == "overheating" && cause["instance"] as? String == "kitchen-1")
            #expect(cause["position"] as? Int == 7 && cause["event"] as? String == "\(UUID128(high: 1, low: 2))")
            #expect(cause["eventLink"] as? String == "/api/v1/events?after=6&limit=1")
            #expect(cause["stream"] as? String == "/api/v1/streams/workflow-overheating-kitchen-1/events")
            let delivery = try #require((read.json["deliveries"] as? [[String: Any]])?.first)
            #expect(delivery["state"] as? String == "pending" && delivery["mailbox"] as? String == "ops")
            let attempt = try #require((delivery["attempts"] as? [[String: Any]])?.first)
            #expect(attempt["outcome"] as? String == "failed" && attempt["code"] as? Int == 503)
            #expect(attempt["time"] as? String == Self.start.description && attempt["seconds"] as? Double == 0.25)

            let key = ["Idempotency-Key": "once"]
            let again = try await gateway.ask("POST", "\(path)/deliveries/ops/redeliver", key)
            #expect(again.status == 202 && again.headers["idempotency-replayed"] == nil, "\(again)")
            try await post.deliver(.delivered, code: 200, at: .now())
            let replayed = try await gateway.ask("POST", "\(path)/deliveries/ops/redeliver", key)
            #expect(replayed.status == 202 && replayed.headers["idempotency-replayed"] == "true")
            #expect(replayed[text: "state"] == "delivered" && (replayed.json["attempts"] as? [Any])?.count == 2)
            for wrong in [
                "\(path)/deliveries/other/redeliver", "/api/v1/notifications/\(UUID128.v7())/deliveries/ops/redeliver",
            ] {
                #expect(try await gateway.ask("POST", wrong).status == 404)
            }
            try await post.send(.removeMailbox(name: "ops"), to: "default")
            let removed = try await gateway.ask("POST", "\(path)/deliveries/ops/redeliver")
            #expect(removed.status == 409 && removed[text: "type"] == "urn:fleetlog:problem:mailbox-removed")
        }
    }

    @Test func `is listed with the others, the newest first`() async throws {
        try await with { gateway, post in
            var ids: [String] = []
            for second in 0..<5 {
                ids.append("\(try await post.notify("default", at: Self.start + .seconds(second / 2)))")
            }
            var (listed, next): ([String], String?) = ([], "")
            while let cursor = next {
                let after = cursor.isEmpty ? "" : "&after=\(cursor)"
                let page = try await gateway.ask("GET", "/api/v1/notifications?limit=2\(after)")
                #expect(page.status == 200 && page.items.count <= 2)
                listed += page.items.compactMap { $0["id"] as? String }
                next = page.json["next"] as? String
            }
            #expect(listed == ids.reversed())
            let wrong = try await gateway.ask("GET", "/api/v1/notifications?after=x")
            #expect(wrong.status == 400 && wrong[text: "field"] == "after")
        }
    }

    @Test func `is seen by its account only`() async throws {
        try await with { gateway, post in
            try await gateway.open("north")
            let id = try await post.notify("default", at: Self.start)
            try await post.deliver(.delivered, code: 200, at: Self.start)
            let token = try await gateway.token(for: "north")
            #expect(try await gateway.ask("GET", "/api/v1/notifications", token: token).items.isEmpty)
            for (method, path) in [
                ("GET", "/api/v1/notifications/\(id)"), ("GET", "/api/v1/notifications?account=default"),
                ("POST", "/api/v1/notifications/\(id)/deliveries/ops/redeliver"),
            ] {
                let reply = try await gateway.ask(method, path, token: token)
                #expect(reply.status == 404 && reply.isProblem, "\(method) \(path)")
            }
            let own = try await gateway.token(.reader, for: "default")
            #expect(try await gateway.ask("GET", "/api/v1/notifications", token: own).items.count == 1)
            let redelivery = try await gateway.ask(
                "POST", "/api/v1/notifications/\(id)/deliveries/ops/redeliver", token: own)
            #expect(redelivery.status == 403)
        }
    }

    private func with(_ body: @Sendable (TestGateway, PostOffice) async throws -> Void) async throws {
        try await PostgresLog.with { log in
            let ledger = PostgresNotificationLedger(pool: log.pool, pump: Bell())
            try await TestGateway.with(store: log.store, ledger: ledger) { gateway in
                let set = try await gateway.ask(
                    "PUT", "/api/v1/accounts/default/mailboxes/ops",
                    #"{"channel":"webhook","url":"https://example.com/","severity":"info"}"#)
                #expect(set.status == 201)
                try await body(gateway, PostOffice(log: log, accounts: gateway.accounts))
            }
        }
    }
}

/// Records notifications, and delivers them to nobody with the outcome that it is told.
private struct PostOffice: Sendable {
    let log: PostgresLog
    let accounts: Directory<Account>

    func send(_ command: Account.Command, to account: String) async throws {
        try await accounts.send(
            CommandEnvelope(
                id: .v7(), command, context: CommandContext(time: .now(), principal: .system, scope: .all)),
            to: account)
    }

    func notify(_ account: String, at time: Timestamp) async throws -> UUID128 {
        let id = UUID128.v7()
        let row = try NotificationRecord.sideRow(
            Notification(
                account: AccountID(account), severity: .critical, type: "fleetlog.alert.raised.v1",
                subject: "device/kitchen-1", title: "Too hot", text: "It is."), id: id,
            cause: NotificationCause(
                workflow: "overheating", key: "kitchen-1", event: (UUID128(high: 1, low: 2), 7), timer: nil), at: time)
        let event = NewEvent(
            id: .v7(), type: "Decided", observedTime: time, data: Array("{}".utf8),
            metadata: EventMetadata(
                principal: .workflow("overheating"), account: AccountID(account), commandID: .v7()))
        _ = try await log.store.append(
            Append(
                [StreamChange(StreamName(category: "workflow", id: "test-\(id)"), expecting: 0, events: [event])],
                sideRows: [row]))
        return id
    }

    func deliver(_ outcome: AttemptResult.Outcome, code: Int, at time: Timestamp) async throws {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let channel = Told(result: AttemptResult(outcome, code: code, duration: .milliseconds(250)))
        let pump = DeliveryPump(
            pool: log.pool, accounts: accounts, channels: .init(webhook: channel, email: channel), logger: logger)
        let dispatcher = NotificationDispatcher(
            pool: log.pool, accounts: accounts, deliveries: pump.bell, logger: logger)
        try await dispatcher.dispatchOnce(at: time)
        try await pump.deliverDue(at: time)
    }

    private struct Told: DeliveryChannel {
        let result: AttemptResult

        func send(_ message: DeliveryMessage) async -> AttemptResult { result }
    }
}
