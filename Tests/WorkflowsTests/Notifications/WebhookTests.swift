import Aggregates
import Crypto
import Foundation
import Runtime
import Support
import Testing
import Workflows

@Suite(.timeLimit(.minutes(2))) struct `A webhook` {
    @Test func `brings a signed CloudEvent`() async throws {
        let receiver = try await ReceiverProcess("receiver.py")
        try await Post.with { post in
            try await post.open("kew")
            let secret = try await post.setWebhook(at: "http://127.0.0.1:\(receiver.port)/ok")
            let id = try await post.notify()
            #expect(try await post.deliver() == 1)
            let request = try #require(try await receiver.received(atLeast: 1).first)
            let headers = try #require(request["headers"] as? [String: String])
            let body = try #require(request["body"] as? String)
            #expect(request["method"] as? String == "POST")
            #expect(headers["content-type"] == "application/cloudevents+json")
            #expect(headers["webhook-id"] == "\(id)-ops" && headers["webhook-timestamp"] == "1795262400")
            let code = HMAC<SHA256>.authenticationCode(
                for: Data("\(id)-ops.1795262400.\(body)".utf8), using: SymmetricKey(data: secret))
            #expect(headers["webhook-signature"] == "v1," + Data(code).base64EncodedString())
            let event = try #require(try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any])
            #expect(event["specversion"] as? String == "1.0" && event["id"] as? String == "\(id)")
            #expect(event["source"] as? String == "/api/v1/accounts/kew")
            #expect(event["type"] as? String == "fleetlog.alert.raised.v1")
            #expect(event["subject"] as? String == "device/kitchen-1")
            #expect(event["time"] as? String == Post.start.description)
            let data = try #require(event["data"] as? [String: Any])
            #expect(data["severity"] as? String == "critical" && data["title"] as? String == "Too hot")
            #expect(
                data["account"] as? String == "kew" && data["values"] as? [String: String] == ["device": "kitchen-1"])
            let delivery = try #require(try await post.delivery(id))
            #expect(delivery.state == .delivered && delivery.dueTime == nil)
            let attempt = try #require(delivery.attempts.first)
            #expect(delivery.attempts.count == 1 && attempt.outcome == .delivered && attempt.code == 200)
            #expect(attempt.startedTime == Post.start && attempt.duration ?? .zero > .zero)
        }
    }

    @Test func `is signed with a secret that was replaced for a day longer`() async throws {
        let receiver = try await ReceiverProcess("receiver.py")
        try await Post.with { post in
            try await post.open("kew")
            let url = "http://127.0.0.1:\(receiver.port)/ok"
            try await post.setWebhook(at: url)
            let mailbox = Mailbox(name: "ops", channel: .webhook(url: url), severity: .info)
            try await post.send(
                .setMailbox(mailbox, rotatesSecret: true), to: "kew",
                sideRows: MailboxSecrets.replacement([7], of: "ops", in: AccountID("kew"), at: Post.start + .seconds(1))
            )
            let expectations = [(Post.start + .seconds(60), 2), (Post.start + .seconds(90_000), 1)]
            for (number, (time, count)) in expectations.enumerated() {
                try await post.notify(at: time)
                try await post.deliver(at: time)
                let headers = try #require(
                    try await receiver.received(atLeast: number + 1).last?["headers"] as? [String: String])
                #expect(headers["webhook-signature"]?.split(separator: " ").count == count)
            }
        }
    }

    @Test(
        arguments: [
            ("status/200", DeliveryRow.State.delivered, AttemptResult.Outcome.delivered, 200),
            ("status/204", .delivered, .delivered, 204), ("talk", .delivered, .delivered, 200),
            ("endless", .delivered, .delivered, 200), ("slow", .delivered, .delivered, 200),
            ("status/410", .dead, .refused, 410), ("status/500", .pending, .failed, 500),
            ("status/404", .pending, .failed, 404), ("status/429", .pending, .failed, 429),
            ("drop", .pending, .failed, 0),
            ("hang", .pending, .failed, 0),
        ] as [(String, DeliveryRow.State, AttemptResult.Outcome, Int32)])
    func `is taken, tried again or given up, as the receiver says`(
        _ path: String, _ state: DeliveryRow.State, _ outcome: AttemptResult.Outcome, _ code: Int32
    ) async throws {
        let receiver = try await ReceiverProcess("receiver.py")
        try await Post.with(timeout: .seconds(2)) { post in
            try await post.open("kew")
            try await post.setWebhook(at: "http://127.0.0.1:\(receiver.port)/\(path)")
            let id = try await post.notify()
            try await post.deliver()
            let delivery = try #require(try await post.delivery(id))
            let attempt = try #require(delivery.attempts.first)
            #expect(delivery.state == state && attempt.outcome == outcome && attempt.code ?? 0 == code)
            if let due = delivery.dueTime { #expect(due >= Post.start + .seconds(5)) }
            // What the receiver says is its own affair.
            #expect(!"\(delivery)".contains("said-by-the-receiver"))
        }
    }

    @Test func `follows no redirect`() async throws {
        let (receiver, inside) = (try await ReceiverProcess("receiver.py"), try await ReceiverProcess("receiver.py"))
        try await Post.with { post in
            try await post.open("kew")
            try await post.setWebhook(at: "http://127.0.0.1:\(receiver.port)/moved/\(inside.port)")
            let id = try await post.notify()
            try await post.deliver()
            #expect(try await post.delivery(id)?.attempts.first?.code == 302)
            #expect(try await receiver.received(atLeast: 1).count == 1)
            #expect(inside.received.isEmpty)
        }
    }

    /// Each is this machine in the end, whatever it looks like; the receiver would take it.
    @Test(arguments: [
        "127.0.0.1", "localhost", "127.1", "0x7f.0.0.1", "0x7f000001", "2130706433", "0177.0.0.1", "017700000001",
        "0.0.0.0", "0", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:0x7f.0.0.1]", "[::1]", "[::]", "127.0.0.1.",
        "%31%32%37.0.0.1", "①②⑦.0.0.1",
    ]) func `reaches nothing private under any name`(_ host: String) async throws {
        let receiver = try await ReceiverProcess("receiver.py")
        try await Post.with(policy: AddressPolicy()) { post in
            let thread = try TransferThread(name: "posting")
            defer { thread.shutdown() }
            let url = "http://\(host):\(receiver.port)/ok"
            let message = DeliveryMessage(
                id: .v7(),
                notification: Notification(
                    account: .default, severity: .info, type: "t", subject: "s", title: "t", text: "t"),
                createdTime: Post.start, mailbox: Mailbox(name: "ops", channel: .webhook(url: url), severity: .info),
                secrets: [[1]], time: Post.start)
            let result = await WebhookChannel(AddressPolicy(), on: thread).send(message)
            #expect(result.outcome != .delivered && result.code == nil, "\(result)")
            #expect(receiver.received.isEmpty)
        }
    }

    @Test func `is refused for good where the address is private, and says so`() async throws {
        try await Post.with(policy: AddressPolicy()) { post in
            try await post.open("kew")
            try await post.setWebhook(at: "http://127.0.0.1:9/")
            let id = try await post.notify()
            try await post.deliver()
            let delivery = try #require(try await post.delivery(id))
            #expect(delivery.state == .dead && delivery.attempts.first?.outcome == .refused)
            #expect(delivery.attempts.first?.reason?.contains("address") == true)
        }
    }

    @Test func `speaks no other protocol`() async throws {
        let receiver = try await ReceiverProcess("receiver.py")
        let thread = try TransferThread(name: "posting")
        defer { thread.shutdown() }
        for url in ["file:///etc/passwd", "gopher://127.0.0.1:\(receiver.port)/", "http://127.0.0.1:9/"] {
            let message = DeliveryMessage(
                id: .v7(),
                notification: Notification(
                    account: .default, severity: .info, type: "t", subject: "s", title: "t", text: "t"),
                createdTime: Post.start, mailbox: Mailbox(name: "ops", channel: .webhook(url: url), severity: .info),
                secrets: [[1]], time: Post.start)
            let policy = AddressPolicy(allowing: AddressPolicy.loopback)
            let result = await WebhookChannel(policy, on: thread).send(message)
            #expect(result.outcome == .failed, "\(url): \(result)")
        }
        #expect(receiver.received.isEmpty)
    }
}
