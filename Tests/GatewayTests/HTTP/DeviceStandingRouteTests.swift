import Gateway
import Runtime
import Support
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(5))) struct `A device under suspicion` {
    @Test func `is quarantined with a reason, released and is what it was`() async throws {
        try await TestGateway.with { gateway in
            let id = try await gateway.register()
            let path = "/api/v1/devices/\(id)"
            try await gateway.record(21, for: id)
            for body in ["{}", #"{"reason":""}"#] {
                let refused = try await gateway.ask("POST", "\(path)/quarantine", body)
                #expect(refused.status == 400 && refused[text: "field"] == "reason")
            }
            let reply = try await gateway.ask(
                "POST", "\(path)/quarantine", #"{"reason":"odd readings"}"#, ["If-Match": "\"2\""])
            #expect(reply.status == 200 && reply[text: "state"] == "quarantined" && reply.headers["etag"] == "\"3\"")
            let why = reply.json["quarantine"] as? [String: Any]
            #expect(why?["reason"] as? String == "odd readings" && why?["since"] is String)
            // Registration, quarantine: whoever guards the broker is told of each.
            #expect(gateway.credentials.devices.withLock { $0 } == [id, id])
            await #expect(throws: (any Error).self) { try await gateway.record(22, for: id) }
            let stale = try await gateway.ask("POST", "\(path)/release", "{}", ["If-Match": "\"2\""])
            #expect(stale.status == 412)
            let released = try await gateway.ask("POST", "\(path)/release")
            #expect(released.status == 200 && released[text: "state"] == "active" && released.json["quarantine"] == nil)
            try await gateway.record(22, for: id)
            let past = try await gateway.ask("GET", "\(path)?version=3")
            #expect(past[text: "state"] == "quarantined")
            #expect((past.json["quarantine"] as? [String: Any])?["reason"] as? String == "odd readings")
            #expect(try await gateway.ask("POST", "\(path)/retire").status == 200)
            let late = try await gateway.ask("POST", "\(path)/quarantine", #"{"reason":"x"}"#)
            #expect(late.status == 409 && late[text: "type"] == "urn:fleetlog:problem:device-retired")
        }
    }

    @Test func `does not exist for those of another account`() async throws {
        try await TestGateway.with { gateway in
            try await gateway.open("north")
            let id = try await gateway.register()
            let token = try await gateway.token(for: "north")
            let reader = try await gateway.token(.reader, for: "default")
            for action in ["quarantine", "release", "retire"] {
                let path = "/api/v1/devices/\(id)/\(action)"
                #expect(try await gateway.ask("POST", path, #"{"reason":"x"}"#, token: token).status == 404)
                #expect(try await gateway.ask("POST", path, #"{"reason":"x"}"#, token: reader).status == 403)
            }
        }
    }

    @Test func `keeps its key, which lets it in nowhere as long as it is kept out`() async throws {
        try await PostgresLog.with { log in
            try await TestGateway.with(store: log.store, serials: PostgresSerialNumbers(pool: log.pool)) { gateway in
                let id = try await gateway.register()
                let access = PostgresDeviceAccess(pool: log.pool)
                let before = try #require(try await access.access(of: [id]).first)
                #expect(before.state == .active && before.keys.count == 1)
                _ = try await gateway.ask("POST", "/api/v1/devices/\(id)/quarantine", #"{"reason":"x"}"#)
                let kept = try #require(try await access.changes(after: before.revision, limit: 10).first)
                #expect(kept.state == .quarantined && kept.keys == before.keys)
                _ = try await gateway.ask("POST", "/api/v1/devices/\(id)/release")
                #expect(try await access.changes(after: kept.revision, limit: 10).first?.state == .active)
            }
        }
    }

    @Test func `shows where it is and what else is known of it`() async throws {
        try await TestGateway.with { gateway in
            let made = try await gateway.ask(
                "POST", "/api/v1/devices",
                #"{"serial":"A","type":"smoke","location":{"latitude":52.5,"longitude":13.4,"text":"Hall"},"#
                    + #""metadata":{"batch":{"number":7,"ok":true},"tags":["a",null]}}"#)
            #expect(made.status == 201, "\(made)")
            let path = "/api/v1/devices/\(made[text: "id"] ?? "")"
            let read = try await gateway.ask("GET", path)
            #expect((read.json["location"] as? [String: Any])?["latitude"] as? Double == 52.5)
            #expect(read.body.contains(#""metadata":{"batch":{"number":7,"ok":true},"tags":["a",null]}"#), "\(read)")
            let moved = try await gateway.ask("PATCH", path, #"{"location":{"text":"Attic"},"metadata":{}}"#)
            #expect(moved.body.contains(#""location":{"text":"Attic"},"metadata":{}"#), "\(moved)")
            let nowhere = try await gateway.ask("PATCH", path, #"{"location":null}"#)
            #expect(nowhere.status == 200 && nowhere.json["location"] == nil)
            for body in [
                #"{"location":{"latitude":1}}"#, #"{"location":7}"#, #"{"location":{"altitude":7}}"#,
                #"{"metadata":[]}"#, #"{"metadata":{"a":"\#(String(repeating: "x", count: 9_000))"}}"#,
            ] {
                let refused = try await gateway.ask("PATCH", path, body)
                #expect(refused.status == 400 && refused[text: "field"] != nil, "\(body) \(refused)")
            }
        }
    }
}
