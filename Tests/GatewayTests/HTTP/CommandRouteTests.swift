import Aggregates
import Gateway
import Runtime
import Support
import Testing

@Suite(.timeLimit(.minutes(2))) struct `Commands to a device over HTTP` {
    @Test func `are issued once under their key, read, listed newest first, and cancelled`() async throws {
        try await PostgresLog.with { log in
            try await TestGateway.with(store: log.store) { gateway in
                let device = try await gateway.register()
                let path = "/api/v1/devices/\(device)/commands"
                #expect(try await gateway.ask("GET", path).body == #"{"items":[],"next":null}"#)
                let body = #"{"name":"turn","arguments":{"speed":3},"timeoutSeconds":60}"#
                let first = try await gateway.ask("POST", path, body, ["Idempotency-Key": "k"])
                let id = try #require(first[text: "id"], "\(first)")
                #expect(first.status == 201 && first.headers["location"] == "\(path)/\(id)")
                #expect(first[text: "state"] == "queued" && first.body.contains(#""arguments":{"speed":3}"#))
                let again = try await gateway.ask("POST", path, body, ["Idempotency-Key": "k"])
                #expect(again.status == 201 && again.body == first.body)
                #expect(again.headers["idempotency-replayed"] == "true")
                let other = try await gateway.ask("POST", path, #"{"name":"stop"}"#, ["Idempotency-Key": "k"])
                #expect(other.status == 422)
                #expect(try await gateway.ask("GET", "\(path)/\(id)").body == first.body)
                #expect(
                    try await PostgresCommandOutbox(pool: log.pool).waiting(at: .now(), 9).map(\.id) == [device])

                let second = try await gateway.ask("POST", path, #"{"name":"stop"}"#)[text: "id"]
                let page = try await gateway.ask("GET", path + "?limit=1")
                #expect(page.items.map { $0["id"] as? String } == [second])
                let next = try #require(page[text: "next"])
                let rest = try await gateway.ask("GET", path + "?limit=1&after=\(next)")
                #expect(rest.items.map { $0["id"] as? String } == [id] && rest[text: "next"] == nil)

                let cancelled = try await gateway.ask("POST", "\(path)/\(id)/cancel", #"{"reason":"no need"}"#)
                #expect(cancelled.status == 200 && cancelled[text: "state"] == "cancelled", "\(cancelled)")
                #expect(cancelled[text: "reason"] == "no need")
                #expect(try await gateway.ask("POST", "\(path)/\(id)/cancel").status == 200)
            }
        }
    }

    @Test func `show what the device has said of them, and that it came too late`() async throws {
        try await TestGateway.with { gateway in
            let device = try await gateway.register()
            let path = "/api/v1/devices/\(device)/commands"
            let id = try #require(try await gateway.ask("POST", path, #"{"name":"turn"}"#)[text: "id"])
            try await gateway.send(.timeOutCommand(id: id), to: device)
            let outcome = DeviceCommand.Outcome(hasSucceeded: true, result: .number(7))
            try await gateway.send(.reportCommand(DeviceCommandReport(id: id, stage: .ended(outcome))), to: device)
            let late = try await gateway.ask("GET", "\(path)/\(id)")
            #expect(late[text: "state"] == "timedOut" && late.body.contains(#""isLate":true,"result":7"#), "\(late)")
            let refused = try await gateway.ask("POST", "\(path)/\(id)/cancel")
            #expect(refused.status == 409 && refused.body.contains("command-ended"))
        }
    }

    @Test func `are refused if there are too many, or if they are not to be understood`() async throws {
        try await TestGateway.with { gateway in
            let device = try await gateway.register()
            let path = "/api/v1/devices/\(device)/commands"
            for body in [
                "", "[]", "{}", #"{"name":""}"#, #"{"name":"a","timeoutSeconds":1}"#, #"{"name":"a","arguments":[]}"#,
                #"{"name":"a","timeoutSeconds":1.5}"#, #"{"name":"a","more":1}"#,
            ] {
                #expect(try await gateway.ask("POST", path, body).status == 400, "\(body)")
            }
            for _ in 0..<IssuedCommands.mostOpen {
                #expect(try await gateway.ask("POST", path, #"{"name":"a"}"#).status == 201)
            }
            let full = try await gateway.ask("POST", path, #"{"name":"a"}"#)
            #expect(full.status == 409 && full.body.contains("too-many-commands"))
            #expect(try await gateway.ask("POST", "\(path)/none/cancel").status == 404)
            #expect(try await gateway.ask("GET", "\(path)/none").status == 404)
        }
    }

    @Test func `are nobody's but the account's`() async throws {
        try await TestGateway.with { gateway in
            let path = "/api/v1/devices/\(try await gateway.register())/commands"
            let id = try #require(try await gateway.ask("POST", path, #"{"name":"a"}"#)[text: "id"])
            let stranger = try await gateway.token(for: "other")
            let reader = try await gateway.token(.reader, for: "default")
            for (method, path, body) in [
                ("GET", path, nil), ("POST", path, #"{"name":"a"}"#), ("GET", "\(path)/\(id)", nil),
                ("POST", "\(path)/\(id)/cancel", nil),
            ] {
                #expect(try await gateway.ask(method, path, body, token: stranger).status == 404)
                #expect(
                    try await gateway.ask(method, path, body, token: reader).status == (method == "GET" ? 200 : 403))
            }
        }
    }
}

extension TestGateway {
    fileprivate func send(_ command: Device.Command, to device: String) async throws {
        try await devices.send(
            CommandEnvelope(
                id: .v7(), command, context: CommandContext(time: .now(), principal: .device(device), scope: .all)),
            to: device)
    }
}
