import Foundation
import Runtime
import Support
import Testing
import Workflows

@Suite(.timeLimit(.minutes(2))) struct `An e-mail` {
    private let folder: String
    private var certificates: String { folder + "/certificate.pem" }

    init() throws { folder = try ThrowawayFolder.make() }

    private func server(_ receiver: ReceiverProcess, password: String? = "pass") -> MailServer {
        MailServer(
            url: "smtp://localhost:\(receiver.port)", username: password == nil ? nil : "ada", password: password,
            sender: "fleetlog@example.com", encryption: .required, certificates: certificates)
    }

    @Test func `goes encrypted and after a login, as text and as HTML`() async throws {
        let receiver = try await ReceiverProcess("mail_server.py", [folder, "login"])
        try await Post.with(mail: server(receiver)) { post in
            try await post.open("kew")
            try await post.setEmail("ada@example.com")
            let id = try await post.notify(
                title: "Zu heiß\r\nBcc: eve@example.com", text: "<b>71 °C</b> & more\n.\nend")
            try await post.deliver()
            let delivery = try #require(try await post.delivery(id))
            #expect(delivery.state == .delivered && delivery.attempts.first?.code == 250, "\(delivery)")
            let message = try #require(try await receiver.received(atLeast: 1).first)
            #expect(message["encrypted"] as? Bool == true && message["user"] as? String == "ada")
            #expect(message["sender"] as? String == "fleetlog@example.com")
            #expect(message["recipients"] as? [String] == ["ada@example.com"])
            let mail = try parsedMail(try #require(message["data"] as? String))
            #expect(mail["subject"] as? String == "[critical] Zu heiß Bcc: eve@example.com")
            #expect(mail["bcc"] is NSNull && mail["id"] as? String == "<\(id)-ops@example.com>")
            #expect(mail["date"] as? String == "Sat, 21 Nov 2026 12:00:00 +0000")
            #expect(mail["to"] as? String == "ada@example.com")
            let text = try #require(mail["text"] as? String)
            let html = try #require(mail["html"] as? String)
            #expect(text.contains("<b>71 °C</b> & more\n.\nend"), "\(message)")
            #expect(text.contains("device: kitchen-1"))
            #expect(html.contains("&lt;b&gt;71 °C&lt;/b&gt; &amp; more<br>") && !html.contains("<b>"))
        }
    }

    @Test func `names the device and its place, and nothing of one that has left the account`() async throws {
        let receiver = try await ReceiverProcess("mail_server.py", [folder, "login"])
        try await Post.with(mail: server(receiver)) { post in
            try await post.open("kew")
            try await post.setEmail("ada@example.com")
            let long = String(repeating: "Lane ", count: 20)
            try await post.log.asSuperuser(
                """
                insert into devices (
                    generation, id, account, serial, type, name, labels, state, registered_time, readings,
                    telemetry_count, refused_count, version, location)
                select live_generation, 'kitchen-1', 'kew', 'S-1', 'smoke', 'Kitchen', '{}', 'active', now(), '{}', 0, 0, 1,
                    '{"text": "5 Main \(long)"}'
                from projections where name = 'devices'
                """)
            let told = try await post.notify(title: "kitchen-1 is overheating")
            try await post.deliver()
            let data = try #require(try await post.ledger.notification(told, scope: .all)).notification.data
            #expect(data["deviceName"] == "Kitchen" && data["deviceSerial"] == "S-1" && data["device"] == "kitchen-1")
            try await post.log.asSuperuser("update devices set account = 'ryde', name = 'Bedroom'")
            try await post.notify(title: "kitchen-1 has cooled down")
            try await post.deliver()
            let messages = try await receiver.received(atLeast: 2).compactMap { $0["data"] as? String }
            let subjects = try messages.map { try parsedMail($0)["subject"] as? String }
            let cut = "5 Main \(long)".prefix(40)
            #expect(
                subjects == [
                    "[critical] Kitchen, \(cut): kitchen-1 is overheating", "[critical] kitchen-1 has cooled down",
                ])
            #expect(!messages[1].contains("Bedroom") && !messages[1].contains("Kitchen"))
        }
    }

    @Test(
        arguments: [
            ("defer", DeliveryRow.State.pending, AttemptResult.Outcome.failed, 451), ("refuse", .dead, .refused, 550),
            ("hang", .pending, .failed, nil), ("drop", .pending, .failed, nil),
        ] as [(String, DeliveryRow.State, AttemptResult.Outcome, Int32?)])
    func `is tried again or given up, as the mail server says`(
        _ recipient: String, _ state: DeliveryRow.State, _ outcome: AttemptResult.Outcome, _ code: Int32?
    ) async throws {
        let receiver = try await ReceiverProcess("mail_server.py", [folder, "login"])
        try await Post.with(mail: server(receiver), timeout: .seconds(3)) { post in
            try await post.open("kew")
            try await post.setEmail("\(recipient)@example.com")
            let id = try await post.notify()
            try await post.deliver()
            let delivery = try #require(try await post.delivery(id))
            let attempt = try #require(delivery.attempts.first)
            #expect(delivery.state == state && attempt.outcome == outcome, "\(delivery)")
            if let code { #expect(attempt.code == code) }
            #expect(!"\(delivery)".contains("said-by-the-receiver"))
        }
    }

    @Test func `waits while the login is refused, the certificate unknown, or nothing is encrypted`() async throws {
        let receiver = try await ReceiverProcess("mail_server.py", [folder, "login"])
        let plain = try await ReceiverProcess("mail_server.py", [folder, "plain"])
        var stranger = server(receiver)
        stranger.certificates = nil
        var open = server(plain, password: nil)
        open.url = "smtp://localhost:\(plain.port)"
        for server in [server(receiver, password: "wrong"), stranger, open] {
            try await Post.with(mail: server) { post in
                try await post.open("kew")
                try await post.setEmail("ada@example.com")
                let id = try await post.notify()
                try await post.deliver()
                let delivery = try #require(try await post.delivery(id))
                #expect(delivery.state == .pending && delivery.attempts.first?.outcome == .failed, "\(delivery)")
                #expect(!"\(delivery)".contains("wrong"))
            }
        }
        #expect(receiver.received.isEmpty && plain.received.isEmpty)
        open.encryption = .none
        try await Post.with(mail: open) { post in
            try await post.open("kew")
            try await post.setEmail("ada@example.com")
            let id = try await post.notify()
            try await post.deliver()
            #expect(try await post.delivery(id)?.state == .delivered)
        }
    }

    @Test func `says so if no mail server is set`() async throws {
        try await Post.with { post in
            try await post.open("kew")
            try await post.setEmail("ada@example.com")
            let id = try await post.notify()
            try await post.deliver()
            #expect(try await post.delivery(id)?.attempts.first?.reason == "No mail server is set.")
        }
    }
}
