import Aggregates
import Foundation
import Runtime
import ServiceLifecycle
import Support
import Synchronization
import Testing
import Workflows

@Suite(.timeLimit(.minutes(3))) struct `A delivery` {
    @Test func `arrives once when a receiver comes back after an hour`() async throws {
        let port = try freePort()
        try await Post.with { post in
            try await post.open("kew")
            try await post.setWebhook(at: "http://127.0.0.1:\(port)/ok")
            let id = try await post.notify()
            var (time, attempts) = (Post.start, 0)
            while time < Post.start + .seconds(3_600) {
                attempts += try await post.deliver(at: time)
                time = time + .seconds(60)
            }
            #expect(attempts == 4)
            #expect(try await post.delivery(id)?.state == .pending)
            let receiver = try await ReceiverProcess("receiver.py", ["\(port)"])
            while time < Post.start + .seconds(12 * 3_600) {
                attempts += try await post.deliver(at: time)
                time = time + .seconds(600)
            }
            let ids = try await receiver.received(atLeast: 1).compactMap {
                ($0["headers"] as? [String: String])?["webhook-id"]
            }
            #expect(ids == ["\(id)-ops"] && attempts == 5)
            let delivery = try #require(try await post.delivery(id))
            #expect(delivery.state == .delivered && delivery.attempts.map(\.number) == [1, 2, 3, 4, 5])
            #expect(delivery.attempts.map(\.outcome) == [.failed, .failed, .failed, .failed, .delivered])
        }
    }

    @Test func `is given up after the last try, and made once more on command`() async throws {
        let receiver = try await ReceiverProcess("receiver.py")
        try await Post.with { post in
            try await post.open("kew")
            try await post.setWebhook(at: "http://127.0.0.1:\(receiver.port)/status/503")
            let id = try await post.notify()
            var (time, attempts) = (Post.start, 0)
            for _ in 0..<20 {
                attempts += try await post.deliver(at: time)
                time = time + .seconds(110_000)
            }
            #expect(attempts == 10)
            #expect(try await post.delivery(id)?.state == .dead)
            try await post.setWebhook(at: "http://127.0.0.1:\(receiver.port)/ok")
            let command = UUID128.v7()
            func redeliver(_ command: UUID128) async throws -> Bool {
                try await post.ledger.redeliver(id, to: "ops", command: command, by: .user("ada"), at: time)
            }
            #expect(try await redeliver(command))
            #expect(try await !redeliver(command))
            #expect(try await post.deliver(at: time) == 1)
            #expect(try await post.delivery(id)?.state == .delivered)
            #expect(try await !redeliver(command))
            #expect(try await post.deliver(at: time) == 0)
            let ids = try await receiver.received(atLeast: 11).compactMap {
                ($0["headers"] as? [String: String])?["webhook-id"]
            }
            #expect(ids.count == 11 && Set(ids) == ["\(id)-ops"])
        }
    }

    @Test func `goes to each mailbox of its account that it matters enough for, and to nobody else's`() async throws {
        let receiver = try await ReceiverProcess("receiver.py")
        try await Post.with { post in
            let url = "http://127.0.0.1:\(receiver.port)"
            for account in ["kew", "ryde"] { try await post.open(account) }
            try await post.setWebhook("all", at: "\(url)/kew/all")
            try await post.setWebhook("bad", at: "\(url)/kew/bad", severity: .critical)
            try await post.setWebhook("all", of: "ryde", at: "\(url)/ryde/all")
            let warning = try await post.notify("kew", .warning)
            let critical = try await post.notify("kew", .critical)
            try await post.notify("nobody", .critical)
            try await post.deliver()
            #expect(
                try await Set(receiver.received(atLeast: 3).compactMap { $0["path"] as? String }) == [
                    "/kew/all", "/kew/bad",
                ])
            #expect(try await post.ledger.deliveries(of: warning).map(\.mailbox) == ["all"])
            #expect(try await post.ledger.deliveries(of: critical).map(\.mailbox) == ["all", "bad"])
            let foreign = AccountScope.only(AccountID("ryde"))
            #expect(try await post.ledger.notifications(scope: foreign, after: nil, limit: 10).isEmpty)
            #expect(try await post.ledger.notification(warning, scope: foreign) == nil)
            let all = try await post.ledger.notifications(scope: .all, after: nil, limit: 10)
            #expect(all.count == 3 && all.allSatisfy { $0.dispatchedTime == Post.start })
        }
    }

    @Test func `to a mailbox that was removed is given up`() async throws {
        try await Post.with { post in
            try await post.open("kew")
            try await post.setWebhook(at: "http://127.0.0.1:9/")
            let id = try await post.notify()
            try await post.dispatcher.dispatchOnce(at: Post.start)
            try await post.send(.removeMailbox(name: "ops"), to: "kew")
            #expect(try await post.pump.deliverDue(at: Post.start) == 1)
            #expect(try await post.delivery(id)?.state == .dead)
        }
    }

    @Test func `that two servers dispatch and attempt at once is made once`() async throws {
        let receiver = try await ReceiverProcess("receiver.py")
        try await Post.with { post in
            try await post.open("kew")
            try await post.setWebhook(at: "http://127.0.0.1:\(receiver.port)/ok")
            for _ in 0..<60 { try await post.notify() }
            let other = post.otherPump(post.channels)
            async let dispatched = (
                post.dispatcher.dispatchOnce(at: Post.start), post.dispatcher.dispatchOnce(at: Post.start)
            )
            let (first, second) = try await dispatched
            #expect(first + second == 60)
            async let attempts = (post.pump.deliverDue(at: Post.start), other.deliverDue(at: Post.start))
            let (mine, theirs) = try await attempts
            #expect(mine + theirs == 60)
            let ids = try await receiver.received(atLeast: 60).compactMap {
                ($0["headers"] as? [String: String])?["webhook-id"]
            }
            #expect(ids.count == 60 && Set(ids).count == 60)
        }
    }

    @Test func `whose server dies between the receiver's answer and its own mark is made again under the same id`()
        async throws
    {
        let receiver = try await ReceiverProcess("receiver.py")
        try await Post.with { post in
            try await post.open("kew")
            try await post.setWebhook(at: "http://127.0.0.1:\(receiver.port)/ok")
            let id = try await post.notify()
            try await post.dispatcher.dispatchOnce(at: Post.start)
            let dying = DyingChannel(post.channels.webhook)
            let pump = post.otherPump(.init(webhook: dying, email: dying))
            let server = Task { try await pump.deliverDue(at: Post.start) }
            await dying.answered.wait()
            server.cancel()
            _ = await server.result
            #expect(try await receiver.received(atLeast: 1).count == 1)
            // The claim still holds.
            #expect(try await post.pump.deliverDue(at: Post.start + .seconds(59)) == 0)
            #expect(try await post.pump.deliverDue(at: Post.start + .seconds(61)) == 1)
            let ids = try await receiver.received(atLeast: 2).compactMap {
                ($0["headers"] as? [String: String])?["webhook-id"]
            }
            #expect(ids == ["\(id)-ops", "\(id)-ops"])
            let delivery = try #require(try await post.delivery(id))
            #expect(delivery.state == .delivered && delivery.attempts.map(\.outcome) == [nil, .delivered])
        }
    }

    @Test func `to a receiver that hangs delays nobody else's`() async throws {
        let receiver = try await ReceiverProcess("receiver.py")
        var few = DeliveryLanes.Limits()
        few.all = 12
        try await Post.with(timeout: .seconds(30), limits: few) { post in
            try await post.open("kew")
            try await post.setWebhook("dead", at: "http://127.0.0.1:\(receiver.port)/hang")
            for _ in 0..<100 { try await post.notify() }
            try await post.dispatcher.dispatchOnce(at: Post.start)
            try await post.open("ryde")
            try await post.setWebhook("good", of: "ryde", at: "http://127.0.0.1:\(receiver.port)/ok")
            for _ in 0..<50 { try await post.notify("ryde") }
            try await post.dispatcher.dispatchOnce(at: Post.start + .seconds(1))
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await post.pump.deliverDue(at: Post.start + .seconds(1)) }
                try await eventually("the good receiver has all") {
                    receiver.received.count { $0["path"] as? String == "/ok" } == 50
                }
                #expect(receiver.received.count { $0["path"] as? String == "/hang" } == 8)
                group.cancelAll()
            }
        }
    }

    @Test func `under way when its server stops is marked as interrupted, and does not hold it up`() async throws {
        let receiver = try await ReceiverProcess("receiver.py")
        try await Post.with { post in
            try await post.open("kew")
            try await post.setWebhook(at: "http://127.0.0.1:\(receiver.port)/hang")
            let id = try await post.notify(at: .now())
            let server = ServiceGroup(
                configuration: .init(services: [post.pump, post.dispatcher], logger: Post.quiet))
            async let running: Void = server.run()
            try await eventually("the attempt is under way") { receiver.received.count == 1 }
            await server.triggerGracefulShutdown()
            let begin = ContinuousClock.now
            try await running
            #expect(ContinuousClock.now - begin < .seconds(5))
            let delivery = try #require(try await post.delivery(id))
            #expect(delivery.state == .pending && delivery.attempts.map(\.outcome) == [.interrupted])
            #expect(try #require(delivery.dueTime) < .now() + .seconds(2))
        }
    }

    @Test func `holds no secret in the log`() async throws {
        try await Post.with { post in
            try await post.open("kew")
            let secret = try await post.setWebhook(at: "http://127.0.0.1:9/")
            let events = try await post.log.store.readLog(
                after: 0, where: LogFilter(category: "account", scope: .all), limit: 100
            ).events
            let text = events.map { String(decoding: $0.data, as: UTF8.self) }.joined()
            #expect(events.count == 2 && !text.contains(Data(secret).base64EncodedString()))
            let server = MailServer(url: "smtp://h", password: "hush", sender: "a@b", encryption: .none)
            #expect(!"\(server)".contains("hush"))
        }
    }
}

/// Sends for real, and then the server dies before it can mark what it has done.
private struct DyingChannel: DeliveryChannel {
    let real: any DeliveryChannel
    let answered = Moment()

    init(_ real: any DeliveryChannel) { self.real = real }

    func send(_ message: DeliveryMessage) async -> AttemptResult {
        _ = await real.send(message)
        answered.happen()
        try? await Task.sleep(for: .seconds(3_600))
        return AttemptResult(.delivered)
    }
}

/// Something that happens once.
private final class Moment: Sendable {
    private let stream = AsyncStream<Void>.makeStream()

    func happen() { stream.continuation.yield() }

    func wait() async { for await _ in stream.stream { return } }
}
