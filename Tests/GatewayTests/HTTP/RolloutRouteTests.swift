import Aggregates
import Gateway
import Runtime
import Synchronization
import Testing

private let hash = String(repeating: "a", count: 64)

private func plan(_ selection: String, version: String = "2.0", more: String = "") -> String {
    """
    {"version":"\(version)","artifact":{"url":"https://f.example/2.bin","sha256":"\(hash)"},\(selection),
    "groupSize":2,"successThreshold":80,"errorThreshold":20\(more)}
    """
}

extension TestGateway {
    func create(_ selection: String, more: String = "") async throws -> Reply {
        try await ask("POST", "/api/v1/rollouts", plan(selection, more: more))
    }

    fileprivate func command(_ command: Rollout.Command, _ id: String) async throws {
        try await rollouts.send(
            CommandEnvelope(
                id: .v7(), command, context: CommandContext(time: .now(), principal: .system, scope: .all)), to: id)
    }
}

@Suite(.timeLimit(.minutes(5))) struct `Rollouts over HTTP` {
    @Test func `are created for devices by id, type or label`() async throws {
        try await TestGateway.with { gateway in
            let (first, second) = (try await gateway.register("1"), try await gateway.register("2"))
            let gone = try await gateway.register("3")
            _ = try await gateway.ask("POST", "/api/v1/devices/\(gone)/retire")
            _ = try await gateway.ask("PATCH", "/api/v1/devices/\(first)", #"{"labels":{"floor":"2"}}"#)
            let byID = try await gateway.create(#""devices":["\#(second)","\#(gone)","\#(first)","nobody"]"#)
            #expect(byID.status == 201, "\(byID)")
            let id = try #require(byID[text: "id"])
            #expect(byID.headers["location"] == "/api/v1/rollouts/\(id)" && byID.headers["etag"] == "\"1\"")
            #expect(byID[text: "state"] == "created" && byID[text: "version"] == "2.0")
            #expect(byID.json["deviceCount"] as? Int == 2 && byID.json["attempts"] as? Int == 3)
            #expect((byID.json["counts"] as? [String: Int])?["scheduled"] == 2)
            #expect((byID.json["artifact"] as? [String: String])?["sha256"] == hash)
            #expect(try await gateway.rollouts.recall(id).state.devices.ids == [second, first])
            #expect(try await gateway.create(#""type":"smoke""#).json["deviceCount"] as? Int == 2)
            #expect(try await gateway.create(#""labels":{"floor":"2"}"#).json["deviceCount"] as? Int == 1)
        }
    }

    @Test func `are refused without a device that fits`() async throws {
        try await TestGateway.with { gateway in
            try await gateway.open("north")
            let foreign = try await gateway.register("1", account: "north")
            for selection in [
                #""type":"smoke""#, #""devices":["\#(foreign)"]"#, #""devices":[]"#, #""labels":{"a":"b"}"#,
            ] {
                let reply = try await gateway.create(selection)
                #expect(reply.status == 422 && reply.isProblem && reply[text: "field"] == "devices", "\(selection)")
            }
            #expect(try await gateway.create(#""type":"smoke""#, more: #","account":"north""#).status == 201)
        }
    }

    @Test(arguments: [
        (#""type":"smoke","devices":["a"]"#, "", "devices"), (#""labels":{}"#, "", "devices"),
        (#""devices":[1]"#, "", "devices"), (#""type":"smoke""#, #","attempts":0"#, "attempts"),
        (#""type":"smoke""#, #","attempts":1.5"#, "attempts"),
        (#""type":"smoke""#, #","deviceTimeout":"long""#, "deviceTimeout"),
        (#""type":"smoke""#, #","grupSize":3"#, "grupSize"),
    ])
    func `are refused with the name of the malformed field`(
        _ selection: String, _ more: String, _ field: String
    ) async throws {
        try await TestGateway.with { gateway in
            _ = try await gateway.register()
            let reply = try await gateway.create(selection, more: more)
            #expect(reply.status == 400 && reply.isProblem && reply[text: "field"] == field, "\(reply)")
        }
    }

    @Test func `are created once under one idempotency key`() async throws {
        try await TestGateway.with { gateway in
            _ = try await gateway.register("1")
            let key = ["Idempotency-Key": "k"]
            let first = try await gateway.ask("POST", "/api/v1/rollouts", plan(#""type":"smoke""#), key)
            // By now another device fits as well.
            _ = try await gateway.register("2")
            let second = try await gateway.ask("POST", "/api/v1/rollouts", plan(#""type":"smoke""#), key)
            #expect(first.status == 201 && second.status == 201)
            #expect(first[text: "id"] == second[text: "id"] && second.headers["idempotency-replayed"] == "true")
            #expect(second.json["deviceCount"] as? Int == 1)
            let other = try await gateway.ask("POST", "/api/v1/rollouts", plan(#""type":"smoke""#, version: "3"), key)
            #expect(other.status == 422 && other[text: "field"] == "Idempotency-Key")
        }
    }

    @Test func `are paused, resumed and aborted, and say why`() async throws {
        try await TestGateway.with { gateway in
            let device = try await gateway.register()
            let id = try #require(try await gateway.create(#""type":"smoke""#)[text: "id"])
            try await gateway.command(.openGroup(0), id)
            func act(_ action: String, _ body: String? = nil, _ headers: [String: String] = [:]) async throws -> Reply {
                try await gateway.ask("POST", "/api/v1/rollouts/\(id)/\(action)", body, headers)
            }
            let paused = try await act("pause", #"{"reason":"lunch"}"#)
            #expect(paused.status == 200 && paused[text: "state"] == "paused" && paused[text: "reason"] == "lunch")
            let again = try await act("pause")
            #expect(again.status == 200 && again[text: "reason"] == "lunch" && again.headers["etag"] == "\"3\"")
            let late = try await act("resume", nil, ["If-Match": "\"2\""])
            #expect(late.status == 412 && late.isProblem)
            let resumed = try await act("resume", nil, ["If-Match": "\"3\"", "Idempotency-Key": "r"])
            #expect(resumed[text: "state"] == "running" && resumed[text: "reason"] == nil)
            let repeated = try await act("resume", nil, ["If-Match": "\"3\"", "Idempotency-Key": "r"])
            #expect(repeated.status == 200 && repeated.headers["etag"] == "\"4\"")
            let aborted = try await act("abort", #"{"reason":"bad"}"#)
            #expect(aborted[text: "state"] == "aborted")
            #expect((aborted.json["counts"] as? [String: Int])?["cancelled"] == 1)
            let dead = try await act("resume")
            #expect(dead.status == 409 && dead.isProblem)
            #expect(try await act("pause", #"{"why":"x"}"#)[text: "field"] == "why")
            let devices = try await gateway.ask("GET", "/api/v1/rollouts/\(id)/devices")
            #expect(devices.items.first?["device"] as? String == device)
            #expect(devices.items.first?["state"] as? String == "cancelled")
            #expect(devices.items.first?["group"] as? Int == 0)
        }
    }

    @Test func `change once when two operators act at the same instant on what both have seen`() async throws {
        try await TestGateway.with { gateway in
            _ = try await gateway.register()
            let id = try #require(try await gateway.create(#""type":"smoke""#)[text: "id"])
            try await gateway.command(.openGroup(0), id)
            for round in 0..<10 {
                let tag = "\"\(2 + round)\""
                let action = round.isMultiple(of: 2) ? "pause" : "resume"
                // One does what is to be done, the other the opposite, or the same: whoever is second sees 412.
                async let one = gateway.ask("POST", "/api/v1/rollouts/\(id)/\(action)", ["If-Match": tag])
                async let two = gateway.ask("POST", "/api/v1/rollouts/\(id)/\(action)", ["If-Match": tag])
                #expect(try await [one.status, two.status].sorted() == [200, 412])
                #expect(try await gateway.rollouts.recall(id).version == Int64(3 + round))
            }
            async let pause = gateway.ask("POST", "/api/v1/rollouts/\(id)/pause")
            async let resume = gateway.ask("POST", "/api/v1/rollouts/\(id)/resume")
            #expect(try await [pause.status, resume.status] == [200, 200])
            let memory = try await gateway.rollouts.recall(id)
            // Paused first, then resumed; or resumed to no effect, then paused.
            #expect(
                memory.version == 14 && memory.state.status == .running
                    || memory.version == 13 && memory.state.status == .paused)
        }
    }

    @Test func `are listed page by page, and only within an account and state`() async throws {
        try await TestGateway.with { gateway in
            try await gateway.open("north")
            for serial in 0..<3 { _ = try await gateway.register("\(serial)") }
            _ = try await gateway.register("n", account: "north")
            let token = try await gateway.token(for: "north")
            let foreign = try #require(try await gateway.create(#""type":"smoke""#)[text: "id"])
            let own = try #require(
                try await gateway.ask("POST", "/api/v1/rollouts", plan(#""type":"smoke""#), token: token)[text: "id"])
            try await gateway.command(.openGroup(0), own)
            let list = try await gateway.ask("GET", "/api/v1/rollouts?limit=1")
            let next = try #require(list[text: "next"])
            let rest = try await gateway.ask("GET", "/api/v1/rollouts?limit=1&after=\(next)")
            #expect(Set((list.items + rest.items).compactMap { $0["id"] as? String }) == [foreign, own])
            func ids(_ query: String, _ token: String? = nil) async throws -> [String] {
                try await gateway.ask("GET", "/api/v1/rollouts" + query, token: token).items
                    .compactMap { $0["id"] as? String }
            }
            #expect(try await ids("?state=running") == [own])
            #expect(try await ids("?account=default") == [foreign])
            #expect(try await ids("", token) == [own])
            for (method, path) in [
                ("GET", "/api/v1/rollouts/\(foreign)"), ("GET", "/api/v1/rollouts/\(foreign)/devices"),
                ("POST", "/api/v1/rollouts/\(foreign)/abort"), ("GET", "/api/v1/rollouts?account=default"),
                ("GET", "/api/v1/streams/rollout-\(foreign)/events"),
            ] {
                let reply = try await gateway.ask(method, path, token: token)
                #expect(reply.status == 404 && reply.isProblem, "\(method) \(path)")
            }
            #expect(try await gateway.ask("GET", "/api/v1/rollouts?state=odd")[text: "field"] == "state")
            let devices = try await gateway.ask("GET", "/api/v1/rollouts/\(foreign)/devices?limit=2&state=scheduled")
            #expect(devices.items.count == 2 && devices[text: "next"] != nil)
            #expect(try await gateway.ask("GET", "/api/v1/rollouts/\(foreign)/devices?state=failed").items.isEmpty)
            let reader = try await gateway.token(.reader, for: "north")
            for (path, body) in [("", plan(#""type":"smoke""#)), ("/\(own)/pause", "{}"), ("/\(own)/abort", "{}")] {
                let reply = try await gateway.ask("POST", "/api/v1/rollouts" + path, body, token: reader)
                #expect(reply.status == 403 && reply.isProblem, "\(path)")
            }
        }
    }

    @Test func `can be read before the views know them`() async throws {
        try await TestGateway.with { gateway in
            _ = try await gateway.register()
            let id = try #require(try await gateway.create(#""type":"smoke""#)[text: "id"])
            gateway.queries.end.withLock { $0 = 0 }
            let reply = try await gateway.ask("GET", "/api/v1/rollouts/\(id)")
            #expect(reply.status == 200 && reply[text: "state"] == "created")
            let held = try await gateway.ask("GET", "/api/v1/rollouts/\(id)", ["If-None-Match": "\"1\""])
            #expect(held.status == 304)
        }
    }
}
