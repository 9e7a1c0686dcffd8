import Foundation
import Support

@testable import Installation

/// A mailbox of the account `default`, and the real receiver that its webhooks come to.
struct WebhookMailbox: Sendable {
    /// One webhook as it came.
    struct Letter: Sendable {
        /// The same in each repetition of one letter.
        var id: String
        var timestamp: String
        var signature: String
        var body: String
        var type: String
        /// The alert that it tells of; empty if none.
        var alert: String
    }

    let secret: String
    private let receiver: ReceiverProcess

    /// - Parameter path: what the receiver does, see `receiver.py`.
    static func open(by api: API, severity: String = "info", path: String = "ok") async throws -> WebhookMailbox {
        struct Answer: Decodable {
            var secret: String?
        }
        let receiver = try await ReceiverProcess("receiver.py")
        let (resource, setting) = (
            "/api/v1/accounts/default/mailboxes/pager",
            #"{"channel":"webhook","url":"http://127.0.0.1:\#(receiver.port)/\#(path)","severity":"\#(severity)"}"#
        )
        let answer = try await api.send("PUT", resource, setting)
        guard answer.status == 201, let secret = try answer.value(Answer.self).secret else {
            throw Wrong("a mailbox was answered \(answer.status) \(answer.text)")
        }
        for (method, body) in [("PUT", setting), ("GET", nil)] {
            let again = try await api.send(method, resource, body)
            guard again.status == 200, !again.text.contains("secret") else {
                throw Wrong("the secret was to be answered once: \(again.status) \(again.text)")
            }
        }
        return WebhookMailbox(secret: secret, receiver: receiver)
    }

    /// All that has come so far, in order.
    var letters: [Letter] {
        receiver.received.map { request in
            let headers = request["headers"] as? [String: String] ?? [:]
            let body = request["body"] as? String ?? ""
            let event = (try? JSONSerialization.jsonObject(with: Data(body.utf8))) as? [String: Any] ?? [:]
            let data = event["data"] as? [String: Any] ?? [:]
            return Letter(
                id: headers["webhook-id"] ?? "", timestamp: headers["webhook-timestamp"] ?? "",
                signature: headers["webhook-signature"] ?? "", body: body, type: event["type"] as? String ?? "",
                alert: (data["values"] as? [String: String])?["alert"] ?? "")
        }
    }

    /// The first letter of the type about the alert, once it has come.
    func letter(_ type: String, about alert: String) async throws -> Letter {
        func find() -> Letter? { letters.first { $0.type == type && $0.alert == alert } }
        try await eventually("\(type) about \(alert) has come") { find() != nil }
        guard let letter = find() else { throw Wrong("a letter is gone") }
        return letter
    }

    /// Whether the letter is genuine, as a receiver of another make finds it.
    func accepts(_ letter: Letter, secret: String? = nil) async throws -> Bool {
        let parts = [
            "secret": secret ?? self.secret, "id": letter.id, "timestamp": letter.timestamp,
            "signature": letter.signature, "body": letter.body,
        ]
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Receivers/verify.py").path
        let input = String(decoding: try JSONEncoder().encode(parts), as: UTF8.self)
        let output = try await Command("/usr/bin/python3", [script]).output(input: input)
        guard output.errors.isEmpty else { throw Wrong("verify.py: \(output.errors)") }
        return output.succeeded
    }
}
