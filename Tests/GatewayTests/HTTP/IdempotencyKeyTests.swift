import Aggregates
import Foundation
import Gateway
import Runtime
import Support
import Testing

@Suite(.timeLimit(.minutes(2))) struct `A write with an idempotency key` {
    /// A request that may be sent again.
    struct Write: Sendable {
        var method: String
        var path: String
        var body: String?
        /// What the same key may not say; nil if nothing else can be said there.
        var otherBody: String?
        /// Fields that only the first answer has.
        var secrets: [String] = []
    }

    /// One of every write that changes an aggregate.
    static func writes(_ gateway: TestGateway) async throws -> [Write] {
        let devices = [
            try await gateway.register("1"), try await gateway.register("2"), try await gateway.register("3"),
        ]
        for account in ["north", "south", "west", "east"] { try await gateway.open(account) }
        for alert in ["a-1", "a-2"] { try await gateway.raise(alert) }
        let mailbox = "/api/v1/accounts/default/mailboxes"
        let hook = #"{"channel":"webhook","url":"https://example.com/1","severity":"info"}"#
        _ = try await gateway.ask("PUT", mailbox + "/old", hook)
        let rollout = """
            {"version":"2","artifact":{"url":"https://example.com/f","sha256":"\(String(repeating: "a", count: 64))"},\
            "devices":["\(devices[2])"],"groupSize":1,"successThreshold":100,"errorThreshold":0}
            """
        let started = try await gateway.ask("POST", "/api/v1/rollouts", rollout)
        let running = try #require(started[text: "id"], "\(started)")
        return [
            Write(
                method: "POST", path: "/api/v1/devices", body: #"{"serial":"9","type":"smoke"}"#,
                otherBody: #"{"serial":"8","type":"smoke"}"#, secrets: ["apiKey"]),
            Write(
                method: "PATCH", path: "/api/v1/devices/\(devices[0])", body: #"{"name":"A","account":"north"}"#,
                otherBody: #"{"name":"A","account":"south"}"#),
            Write(
                method: "PATCH", path: "/api/v1/devices/\(devices[0])", body: #"{"labels":{}}"#,
                otherBody: #"{"labels":{"a":"b"}}"#),
            Write(
                method: "POST", path: "/api/v1/devices/\(devices[1])/retire", body: #"{"reason":"old"}"#,
                otherBody: #"{"reason":"new"}"#),
            Write(
                method: "POST", path: "/api/v1/devices/\(devices[2])/quarantine", body: #"{"reason":"odd"}"#,
                otherBody: #"{"reason":"old"}"#),
            Write(method: "POST", path: "/api/v1/devices/\(devices[2])/release", body: "{}"),
            Write(
                method: "POST", path: "/api/v1/accounts", body: #"{"id":"up","name":"Up"}"#,
                otherBody: #"{"id":"down","name":"Up"}"#),
            Write(
                method: "PATCH", path: "/api/v1/accounts/south", body: #"{"name":"S"}"#, otherBody: #"{"name":"T"}"#),
            Write(method: "POST", path: "/api/v1/accounts/west/activate"),
            Write(method: "POST", path: "/api/v1/accounts/west/deactivate", body: "{}"),
            Write(method: "POST", path: "/api/v1/accounts/east/close"),
            Write(
                method: "PUT", path: "/api/v1/accounts/south/settings", body: #"{"silence":{"grace":7}}"#,
                otherBody: #"{"silence":{"grace":8}}"#),
            Write(
                method: "PUT", path: "/api/v1/accounts/south/device-types/oven", body: #"{"metrics":{}}"#,
                otherBody: #"{"metrics":{"a":{}}}"#),
            Write(
                method: "PUT", path: mailbox + "/new", body: hook, otherBody: hook.replacing("info", with: "warning"),
                secrets: ["secret"]),
            Write(method: "DELETE", path: mailbox + "/old"),
            Write(
                method: "POST", path: "/api/v1/accounts/default/claim-codes",
                body: #"{"uses":1,"expires":"2027-01-01T00:00:00Z"}"#,
                otherBody: #"{"uses":2,"expires":"2027-01-01T00:00:00Z"}"#, secrets: ["code"]),
            Write(
                method: "POST", path: "/api/v1/alerts/a-1/acknowledge", body: #"{"note":"seen"}"#,
                otherBody: #"{"note":"not seen"}"#),
            Write(
                method: "POST", path: "/api/v1/rollouts", body: rollout,
                otherBody: rollout.replacing(#""version":"2""#, with: #""version":"3""#)),
            Write(
                method: "POST", path: "/api/v1/rollouts/\(running)/abort", body: #"{"reason":"x"}"#,
                otherBody: #"{"reason":"y"}"#),
        ]
    }

    @Test func `is answered as the first time, whatever has happened since, and by another server`() async throws {
        let store = InMemoryEventStore()
        try await TestGateway.with(store: store) { gateway in
            let writes = try await Self.writes(gateway)
            var first: [Reply] = []
            for (number, write) in writes.enumerated() {
                let reply = try await gateway.ask(
                    write.method, write.path, write.body, ["Idempotency-Key": "key \(number)"])
                #expect((200..<300).contains(reply.status), "\(write) \(reply)")
                #expect(reply.headers["idempotency-replayed"] == nil)
                for secret in write.secrets { #expect(reply[text: secret] != nil) }
                first.append(reply)
            }
            try await gateway.changeEverything()
            let answers = first
            let head = try await store.head().position
            try await TestGateway.with(store: store, tokens: gateway.tokens, admin: gateway.admin) { other in
                let opened = try await store.head().position
                for server in [gateway, other] {
                    for (number, write) in writes.enumerated() {
                        let again = try await server.ask(
                            write.method, write.path, write.body, ["Idempotency-Key": "key \(number)"])
                        #expect(again.status == answers[number].status, "\(write) \(again)")
                        #expect(again.headers["idempotency-replayed"] == "true", "\(write)")
                        #expect(again.headers["etag"] == answers[number].headers["etag"], "\(write)")
                        #expect(again.headers["location"] == answers[number].headers["location"])
                        #expect(again.fields(without: []) == answers[number].fields(without: write.secrets), "\(write)")
                    }
                }
                #expect(try await store.head().position == opened && opened == head)
            }
        }
    }

    @Test func `is refused with another body, and taken with the same one written differently`() async throws {
        try await TestGateway.with { gateway in
            let writes = try await Self.writes(gateway)
            for (number, write) in writes.enumerated() {
                let key = ["Idempotency-Key": "key \(number)"]
                let first = try await gateway.ask(write.method, write.path, write.body, key)
                #expect((200..<300).contains(first.status), "\(write) \(first)")
                let head = try await gateway.store.head().position
                if let other = write.otherBody {
                    let reply = try await gateway.ask(write.method, write.path, other, key)
                    #expect(reply.status == 422 && reply.isProblem, "\(write) \(reply)")
                    #expect(reply[text: "field"] == "Idempotency-Key")
                }
                let rewritten = try write.body.map { body in
                    let value = try JSONSerialization.jsonObject(with: Data(body.utf8))
                    return String(
                        decoding: try JSONSerialization.data(withJSONObject: value, options: .prettyPrinted),
                        as: UTF8.self)
                }
                let same = try await gateway.ask(write.method, write.path, rewritten ?? "{}", key)
                #expect(same.status == first.status && same.headers["idempotency-replayed"] == "true", "\(same)")
                #expect(try await gateway.store.head().position == head)
            }
        }
    }

    @Test func `that had nothing to change stays so when there would be something`() async throws {
        try await TestGateway.with { gateway in
            let path = "/api/v1/devices/\(try await gateway.register())"
            let key = ["Idempotency-Key": "k"]
            #expect(try await gateway.ask("PATCH", path, #"{"name":"A"}"#).status == 200)
            let first = try await gateway.ask("PATCH", path, #"{"name":"A"}"#, key)
            #expect(first.status == 200 && first.headers["etag"] == "\"2\"")
            #expect(try await gateway.ask("PATCH", path, #"{"name":"B"}"#).status == 200)
            let again = try await gateway.ask("PATCH", path, #"{"name":"A"}"#, key)
            #expect(again.body == first.body && again.headers["idempotency-replayed"] == "true")
            #expect(try await gateway.ask("GET", path)[text: "name"] == "B")
        }
    }

    @Test func `that was refused is tried again`() async throws {
        try await TestGateway.with { gateway in
            try await gateway.open("north")
            let key = ["Idempotency-Key": "k"]
            let body = #"{"serial":"1","type":"smoke","account":"north"}"#
            #expect(try await gateway.ask("POST", "/api/v1/accounts/north/deactivate").status == 200)
            #expect(try await gateway.ask("POST", "/api/v1/devices", body, key).status == 409)
            #expect(try await gateway.ask("POST", "/api/v1/accounts/north/activate").status == 200)
            let accepted = try await gateway.ask("POST", "/api/v1/devices", body, key)
            #expect(accepted.status == 201 && accepted[text: "apiKey"] != nil)
        }
    }

    @Test func `means something else from another token and at another path`() async throws {
        try await TestGateway.with { gateway in
            try await gateway.open("north")
            let (mine, yours) = (try await gateway.token(for: "north"), try await gateway.token(for: "north"))
            let key = ["Idempotency-Key": "k"]
            var ids: Set<String> = []
            for (number, token) in [mine, yours, gateway.admin].enumerated() {
                // Were the key shared, another body would tell its holder that somebody has used it.
                let reply = try await gateway.ask(
                    "POST", "/api/v1/devices", #"{"serial":"\#(number)","type":"smoke"}"#, key, token: token)
                #expect(reply.status == 201 && reply.headers["idempotency-replayed"] == nil)
                ids.insert(try #require(reply[text: "id"]))
            }
            #expect(ids.count == 3)
            for id in ids {
                let reply = try await gateway.ask("PATCH", "/api/v1/devices/\(id)", #"{"name":"\#(id)"}"#, key)
                #expect(reply.status == 200 && reply[text: "name"] == id)
            }
        }
    }

    @Test(arguments: ["", "\t", String(repeating: "k", count: 256), "caf\u{e9}", "a\u{1}b"])
    func `is malformed unless it is 1 to 255 characters of ASCII`(_ key: String) async throws {
        try await TestGateway.with { gateway in
            let reply = try await gateway.ask(
                "POST", "/api/v1/devices", #"{"serial":"1","type":"smoke"}"#, ["Idempotency-Key": key])
            #expect(reply.status == 400 && reply.isProblem, "\(reply)")
            #expect(try await gateway.store.head().position == 1)
        }
    }

    @Test func `that is sent twice at once registers one device, over Postgres and two servers`() async throws {
        try await PostgresLog.with { log in
            try await PostgresLog.with(log.database) { second in
                try await TestGateway.with(store: log.store) { one in
                    try await TestGateway.with(store: second.store, tokens: one.tokens, admin: one.admin) { two in
                        for round in 0..<8 {
                            let body = #"{"serial":"\#(round)","type":"smoke"}"#
                            let key = ["Idempotency-Key": "round \(round)"]
                            let replies = try await withThrowingTaskGroup(of: Reply.self) { group in
                                for server in [one, two, one, two] {
                                    group.addTask { try await server.ask("POST", "/api/v1/devices", body, key) }
                                }
                                return try await group.reduce(into: []) { $0.append($1) }
                            }
                            #expect(replies.allSatisfy { $0.status == 201 }, "\(replies)")
                            #expect(Set(replies.map { $0[text: "id"] }).count == 1)
                            #expect(replies.count { $0[text: "apiKey"] != nil } == 1)
                        }
                        let kept = Statement("kept", "select count(*) from accepted_commands")
                        let rows = try await log.pool.withConnection { try await $0.query(kept()) }
                        #expect(try rows.first?.int8(0) == 8)
                        let page = try await log.store.readLog(after: 0, where: .everything, limit: 100)
                        #expect(page.events.count { $0.type == "DeviceRegistered" } == 8)
                    }
                }
            }
        }
    }
}

extension Reply {
    fileprivate func fields(without secrets: [String]) -> NSDictionary {
        NSDictionary(dictionary: json.filter { !secrets.contains($0.key) })
    }
}

extension TestGateway {
    /// Moves every aggregate on, as far as it lets itself be moved.
    fileprivate func changeEverything() async throws {
        let events = try await store.readLog(after: 0, where: .everything, limit: 1_000).events
        let streams = Set(events.map(\.stream))
        func send<D: Decider>(_ directory: Directory<D>, _ commands: [D.Command], to id: String) async {
            for command in commands {
                let context = CommandContext(time: .now(), principal: .system, scope: .all)
                _ = try? await directory.send(CommandEnvelope(id: .v7(), command, context: context), to: id)
            }
        }
        for stream in streams {
            switch stream.category {
            case "device":
                await send(devices, [.update(Changes(name: "changed", labels: ["x": "y"]))], to: stream.id)
                try? await record(12, for: stream.id)
                await send(devices, [.retire(reason: "changed")], to: stream.id)
            case "account":
                var settings = AccountSettings()
                settings.silence.grace = 99
                await send(
                    accounts,
                    [
                        .rename("changed"), .changeSettings(settings), .removeMailbox(name: "new"), .activate,
                        .deactivate,
                    ], to: stream.id)
            case "alert": await send(alerts, [.clear(reason: "changed")], to: stream.id)
            case "rollout": await send(rollouts, [.openGroup(0), .abort(reason: "changed")], to: stream.id)
            default: break
            }
        }
        let moved = try await store.head().position
        guard moved > Int64(events.count) + Int64(streams.count) / 2 else {
            throw DispatchError<Device.Rejection>.invalid(reason: "nothing was changed")
        }
    }
}
