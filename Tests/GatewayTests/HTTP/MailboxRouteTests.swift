import Foundation
import Gateway
import Runtime
import Support
import Testing

@Suite(.timeLimit(.minutes(2))) struct `A mailbox over HTTP` {
    private let path = "/api/v1/accounts/default/mailboxes"
    private let hook = #"{"channel":"webhook","url":"https://example.com/a","severity":"warning"}"#

    @Test func `shows a webhook's secret once`() async throws {
        try await PostgresLog.with { log in
            try await TestGateway.with(store: log.store) { gateway in
                let set = try await gateway.ask("PUT", "\(path)/ops", hook)
                #expect(set.status == 201 && set.headers["location"] == "\(path)/ops", "\(set)")
                let secret = try #require(set[text: "secret"])
                #expect(secret.hasPrefix("whsec_") && Data(base64Encoded: String(secret.dropFirst(6)))?.count == 32)
                #expect(try await secrets(in: log) == [secret])
                let again = try await gateway.ask("PUT", "\(path)/ops", hook)
                #expect(again.status == 200 && again[text: "secret"] == nil && again.headers["etag"] == "\"2\"")
                let moved = try await gateway.ask(
                    "PUT", "\(path)/ops", #"{"channel":"webhook","url":"https://example.com/b","severity":"info"}"#)
                #expect(moved.status == 200 && moved[text: "secret"] == nil)
                #expect(try await secrets(in: log) == [secret])
                let read = try await gateway.ask("GET", "\(path)/ops")
                #expect(
                    read.body
                        == #"{"channel":"webhook","name":"ops","severity":"info","url":"https://example.com/b"}"#)
                let list = try await gateway.ask("GET", path)
                #expect(list.items.count == 1 && list.json["next"] is NSNull && !list.body.contains("whsec_"))
                let events = try await gateway.ask("GET", "/api/v1/streams/account-default/events")
                #expect(!events.body.contains("whsec_") && !events.body.contains(secret.dropFirst(6)))
            }
        }
    }

    @Test func `gets a new secret on command, and the old one stays for a day`() async throws {
        try await PostgresLog.with { log in
            try await TestGateway.with(store: log.store) { gateway in
                let first = try #require(try await gateway.ask("PUT", "\(path)/ops", hook)[text: "secret"])
                let rotation = hook.replacing("}", with: #","rotateSecret":true}"#)
                let key = ["Idempotency-Key": "one"]
                let rotated = try await gateway.ask("PUT", "\(path)/ops", rotation, key)
                let second = try #require(rotated[text: "secret"])
                #expect(rotated.status == 200 && second != first)
                #expect(Set(try await secrets(in: log)) == [first, second])
                #expect(try await secrets(in: log, expiring: true) == [first])
                let repeated = try await gateway.ask("PUT", "\(path)/ops", rotation, key)
                #expect(repeated.headers["idempotency-replayed"] == "true" && repeated[text: "secret"] == nil)
                #expect(try await secrets(in: log).count == 2)
            }
        }
    }

    @Test func `loses its secret when it is removed or becomes an address`() async throws {
        try await PostgresLog.with { log in
            try await TestGateway.with(store: log.store) { gateway in
                _ = try await gateway.ask("PUT", "\(path)/ops", hook)
                let mail = #"{"channel":"email","address":"ada@example.com","severity":"info"}"#
                #expect(try await gateway.ask("PUT", "\(path)/ops", mail).status == 200)
                #expect(try await secrets(in: log).isEmpty)
                #expect(try await gateway.ask("PUT", "\(path)/ops", hook)[text: "secret"] != nil)
                #expect(try await gateway.ask("DELETE", "\(path)/ops").status == 204)
                #expect(try await secrets(in: log).isEmpty)
                for method in ["GET", "DELETE"] {
                    let reply = try await gateway.ask(method, "\(path)/ops")
                    #expect(reply.status == 404 && reply.isProblem)
                }
            }
        }
    }

    @Test func `is refused with the field and what to do`() async throws {
        try await TestGateway.with { gateway in
            let cases = [
                ("ops", #"{"channel":"sms","severity":"info"}"#, "channel"),
                ("ops", #"{"channel":"webhook","severity":"info"}"#, "url"),
                ("ops", #"{"channel":"webhook","url":"http://u:p@h/","severity":"info"}"#, "url"),
                ("ops", #"{"channel":"webhook","url":"http://h/","severity":"loud"}"#, "severity"),
                ("ops", #"{"channel":"email","address":"nobody","severity":"info"}"#, "address"),
                ("ops", #"{"channel":"email","address":"a@b","url":"http://h/","severity":"info"}"#, "url"),
                ("Ops", hook, "name"), ("ops", hook.replacing("}", with: #","rotateSecret":"yes"}"#), "rotateSecret"),
            ]
            for (name, body, field) in cases {
                let reply = try await gateway.ask("PUT", "\(path)/\(name)", body)
                #expect(reply.status == 400 && reply.isProblem && reply[text: "field"] == field, "\(body): \(reply)")
            }
            let stale = try await gateway.ask("PUT", "\(path)/ops", hook, ["If-Match": "\"9\""])
            #expect(stale.status == 412)
        }
    }

    @Test func `belongs to those of the account, and readers only read it`() async throws {
        try await TestGateway.with { gateway in
            try await gateway.open("north")
            _ = try await gateway.ask("PUT", "\(path)/ops", hook)
            let (stranger, reader) = (
                try await gateway.token(for: "north"), try await gateway.token(.reader, for: "default")
            )
            for (method, place) in [
                ("GET", path), ("GET", "\(path)/ops"), ("PUT", "\(path)/ops"), ("DELETE", "\(path)/ops"),
            ] {
                let body = method == "PUT" ? hook : nil
                #expect(try await gateway.ask(method, place, body, token: stranger).status == 404)
                let own = try await gateway.ask(method, place, body, token: reader)
                #expect(own.status == (method == "GET" ? 200 : 403))
            }
        }
    }

    @Test func `gets signed heads only where an administrator of the installation asks`() async throws {
        try await PostgresLog.with { log in
            try await TestGateway.with(store: log.store) { gateway in
                let asking = hook.replacing("}", with: #","heads":true}"#)
                let own = try await gateway.token(.admin, for: "default")
                let refused = try await gateway.ask("PUT", "\(path)/ops", asking, token: own)
                #expect(refused.status == 403 && refused.isProblem, "\(refused)")
                #expect(try await gateway.ask("PUT", "\(path)/ops", asking).status == 201)
                #expect(try await gateway.ask("GET", "\(path)/ops").json["heads"] as? Bool == true)
                #expect(try await wishes(in: log) == ["ops"])
                // Whoever may set the mailbox may take it back, and need not know of it.
                #expect(try await gateway.ask("PUT", "\(path)/ops", hook, token: own).status == 200)
                #expect(try await gateway.ask("GET", "\(path)/ops").json["heads"] == nil)
                #expect(try await wishes(in: log).isEmpty)
                for end in [("DELETE", "\(path)/ops"), ("POST", "/api/v1/accounts/default/close")] {
                    #expect(try await gateway.ask("PUT", "\(path)/ops", asking).status < 300)
                    #expect(try await wishes(in: log) == ["ops"])
                    #expect(try await gateway.ask(end.0, end.1).status < 300)
                    #expect(try await wishes(in: log).isEmpty)
                }
            }
        }
    }

    private func wishes(in log: PostgresLog) async throws -> [String] {
        let select = Statement("select wishes for heads", "select mailbox from head_mailboxes")
        return try await log.pool.withConnection { try await $0.query(select()).map { try $0.text(0) } }
    }

    private func secrets(in log: PostgresLog, expiring: Bool = false) async throws -> [String] {
        let select = Statement(
            "select secrets",
            "select secret from mailbox_secrets where not $1 or expires_time > now() + interval '23 h'")
        return try await log.pool.withConnection { connection in
            try await connection.query(select(.bool(expiring))).map {
                "whsec_" + Data(try $0.bytes(0)).base64EncodedString()
            }
        }
    }
}
