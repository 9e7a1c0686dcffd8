import Aggregates
import Foundation
import Runtime
import Support
import Testing
import Workflows

@Suite(.timeLimit(.minutes(2))) struct `A signed head` {
    private func setHook(_ name: String, of account: String, heads: Bool, at url: String, in post: Post) async throws {
        let mailbox = Mailbox(name: name, channel: .webhook(url: url), severity: .critical, heads: heads)
        let (account, secret) = (AccountID(account), MailboxSecrets.random())
        let rows = MailboxSecrets.replacement(secret, of: name, in: account, at: Post.start)
        try await post.send(
            .setMailbox(mailbox), to: account.rawValue,
            sideRows: rows + [HeadLetters.wish(heads, of: name, in: account)])
    }

    /// Signs the log as it stands.
    private func sign(_ post: Post, _ key: SealKey, at time: Timestamp = Post.start) async throws -> SignedHead {
        var term = try await SealingTerm(post.log.pool)
        return try await term.sign(at: try await post.log.store.head().position, time, with: [key]) {
            try HeadLetters.statements(of: $0)
        }
    }

    private func notes(_ receiver: ReceiverProcess, at path: String) -> [String] {
        receiver.received.filter { $0["path"] as? String == path }.compactMap { request in
            let body = Data((request["body"] as? String ?? "").utf8)
            let event = (try? JSONSerialization.jsonObject(with: body)) as? [String: Any]
            guard event?["type"] as? String == HeadLetters.type else { return nil }
            return ((event?["data"] as? [String: Any])?["values"] as? [String: String])?["note"]
        }
    }

    @Test func `goes once to each mailbox that wants it, and to no other`() async throws {
        let receiver = try await ReceiverProcess("receiver.py")
        let url = "http://127.0.0.1:\(receiver.port)"
        let key = try SealKey.random(name: "test")
        try await Post.with { post in
            for account in ["kew", "rye", "ely"] { try await post.open(account) }
            try await setHook("auditor", of: "kew", heads: true, at: url + "/ok?kew", in: post)
            try await setHook("pager", of: "kew", heads: false, at: url + "/ok?pager", in: post)
            try await setHook("auditor", of: "rye", heads: true, at: url + "/ok?rye", in: post)
            try await setHook("pager", of: "ely", heads: false, at: url + "/ok?ely", in: post)
            let first = try await sign(post, key)
            #expect(try await post.deliver() == 2)
            #expect(try await post.deliver() == 0, "it goes once")
            let second = try await sign(post, key, at: Post.start + .seconds(60))
            #expect(try await post.deliver(at: Post.start + .seconds(60)) == 2)
            _ = try await receiver.received(atLeast: 4)
            for path in ["/ok?kew", "/ok?rye"] { #expect(notes(receiver, at: path) == [first.note, second.note]) }
            #expect(receiver.received.count == 4)
            // Whoever takes the wish back, or removes the mailbox, or closes the account, gets no more.
            try await setHook("auditor", of: "kew", heads: false, at: url + "/ok?kew", in: post)
            try await post.send(
                .close, to: "rye", sideRows: [HeadLetters.end(of: AccountID("rye"))])
            _ = try await sign(post, key, at: Post.start + .seconds(120))
            #expect(try await post.deliver(at: Post.start + .seconds(120)) == 0)
            let listed = try await post.ledger.notifications(scope: .all, after: nil, limit: 100)
            #expect(listed.count == 4 && listed.allSatisfy { $0.notification.type == HeadLetters.type })
        }
    }

    @Test func `is tried again under the same id where the receiver fails`() async throws {
        let receiver = try await ReceiverProcess("receiver.py")
        let key = try SealKey.random(name: "test")
        try await Post.with { post in
            try await post.open("kew")
            try await setHook(
                "auditor", of: "kew", heads: true, at: "http://127.0.0.1:\(receiver.port)/status/503", in: post)
            _ = try await sign(post, key)
            #expect(try await post.deliver() == 1)
            #expect(try await post.deliver(at: Post.start + .seconds(3_600)) == 1)
            let ids = try await receiver.received(atLeast: 2).compactMap {
                ($0["headers"] as? [String: String])?["webhook-id"]
            }
            let row = try #require(try await post.ledger.notifications(scope: .all, after: nil, limit: 2).first)
            #expect(ids == ["\(row.id)-auditor", "\(row.id)-auditor"])
            let delivery = try #require(try await post.delivery(row.id, to: "auditor"))
            #expect(delivery.state == .pending && delivery.attempts.count == 2)
        }
    }

    @Test func `is not stored if it cannot be announced`() async throws {
        struct Refused: Error {}
        try await Post.with { post in
            try await post.open("kew")
            let position = try await post.log.store.head().position
            var term = try await SealingTerm(post.log.pool)
            let key = try SealKey.random(name: "test")
            await #expect(throws: Refused.self) {
                _ = try await term.sign(at: position, Post.start, with: [key]) { _ in throw Refused() }
            }
            #expect(try await SealedTree(pool: post.log.pool).newestHead() == nil && term.newestHead == nil)
        }
    }

    @Test func `comes by e-mail as lines that can be saved`() async throws {
        let folder = try ThrowawayFolder.make()
        defer { ThrowawayFolder.remove(folder) }
        let receiver = try await ReceiverProcess("mail_server.py", [folder, "login"])
        let server = MailServer(
            url: "smtp://localhost:\(receiver.port)", username: "ada", password: "pass",
            sender: "fleetlog@example.com", encryption: .required, certificates: folder + "/certificate.pem")
        let key = try SealKey.random(name: "test")
        try await Post.with(mail: server) { post in
            try await post.open("kew")
            let mailbox = Mailbox(
                name: "auditor", channel: .email(address: "ada@example.com"), severity: .critical, heads: true)
            try await post.send(
                .setMailbox(mailbox), to: "kew",
                sideRows: [HeadLetters.wish(true, of: "auditor", in: AccountID("kew"))])
            let head = try await sign(post, key)
            #expect(try await post.deliver() == 1)
            let message = try #require(try await receiver.received(atLeast: 1).first)
            let mail = try parsedMail(try #require(message["data"] as? String))
            #expect(mail["subject"] as? String == "[info] The log is signed up to position \(head.size)")
            let text = try #require(mail["text"] as? String)
            let note = try #require(text.components(separatedBy: "--head FILE\n\n").last)
            #expect(note.hasPrefix(head.note), "\(text)")
            #expect(try SignedHead(head.note) == head && text.components(separatedBy: head.note).count == 2)
        }
    }
}
