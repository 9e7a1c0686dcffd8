import Gateway
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(2))) struct `Whoever has a view rebuilt` {
    private let path = "/api/v1/projections/devices"

    @Test func `has it begun, paused, resumed and cancelled, and sees how far it is`() async throws {
        try await TestGateway.with { gateway in
            let begun = try await gateway.ask("POST", path + "/rebuild", #"{"eventsPerSecond":500}"#)
            #expect(begun.status == 202 && begun[text: "state"] == "running" && begun[text: "cause"] == "request")
            #expect(begun.json["eventsPerSecond"] as? Int == 500 && begun.json["secondsLeft"] as? Double == 10)
            let again = try await gateway.ask("POST", path + "/rebuild")
            #expect(again.status == 409 && again.isProblem)
            #expect(try await gateway.ask("POST", path + "/rebuild/pause")[text: "state"] == "paused")
            #expect(try await gateway.ask("POST", path + "/rebuild/pause").status == 409)
            #expect(try await gateway.ask("POST", path + "/rebuild/resume")[text: "state"] == "running")
            let view = try await gateway.ask("GET", path)
            let rebuild = try #require(view.json["rebuild"] as? [String: Any])
            #expect(rebuild["position"] as? Int == 50 && rebuild["head"] as? Int == 150)
            let roles = (view.json["generations"] as? [[String: Any]] ?? []).compactMap { $0["role"] as? String }
            #expect(roles == ["previous", "live"])
            #expect(try await gateway.ask("POST", path + "/rebuild/cancel")[text: "state"] == "cancelled")
            #expect(try await gateway.ask("POST", path + "/rebuild/resume").status == 409)
        }
    }

    @Test func `is built anew without what has left the log only for somebody who says so`() async throws {
        try await TestGateway.with { gateway in
            gateway.rebuilds.lacksEvents.withLock { $0 = true }
            let lossy = try await gateway.ask("POST", path + "/rebuild")
            #expect(lossy.status == 409 && lossy[text: "type"] == "urn:fleetlog:problem:lossy-rebuild", "\(lossy)")
            #expect(try await gateway.ask("POST", path + "/rebuild", #"{"acceptLoss":true}"#).status == 202)
        }
    }

    @Test func `goes back to what lacks events that have left the log only for somebody who says so`() async throws {
        try await TestGateway.with { gateway in
            gateway.rebuilds.lacksEvents.withLock { $0 = true }
            let lossy = try await gateway.ask("POST", path + "/swap-back")
            #expect(lossy.status == 409 && lossy[text: "type"] == "urn:fleetlog:problem:lossy-swap-back", "\(lossy)")
            #expect(try await gateway.ask("POST", path + "/swap-back", #"{"acceptLoss":false}"#).status == 409)
            #expect(try await gateway.ask("POST", path + "/swap-back", #"{"acceptsLoss":true}"#).status == 400)
            #expect(try await gateway.ask("POST", path + "/swap-back", #"{"acceptLoss":true}"#).status == 202)
        }
    }

    @Test func `has the rows of one device replaced at once`() async throws {
        try await TestGateway.with { gateway in
            let reply = try await gateway.ask("POST", path + "/rebuild", #"{"only":"d-1"}"#)
            #expect(reply.status == 200 && reply.json["identical"] as? Bool == false)
            let sample = try #require((reply.json["sample"] as? [[String: Any]])?.first)
            #expect((sample["next"] as? [String: Any])?["name"] as? String == "b")
            #expect(try await gateway.ask("POST", path + "/rebuild", #"{"only":"nobody"}"#).status == 404)
        }
    }

    @Test func `swaps back and drops what was before`() async throws {
        try await TestGateway.with { gateway in
            let reply = try await gateway.ask("POST", path + "/swap-back")
            #expect(reply.status == 202 && reply[text: "kind"] == "swap-back")
            #expect(try await gateway.ask("POST", path + "/drop-previous").status == 202)
            #expect(try await gateway.ask("POST", path + "/drop-previous").status == 409)
        }
    }

    @Test func `must be an admin bound to no account, and only such a one sees rows of it`() async throws {
        try await TestGateway.with { gateway in
            let bound = try await gateway.token(for: "default")
            let reader = try await gateway.tokens.createToken(named: "reader", role: .reader)
            for action in [
                "rebuild", "rebuild/pause", "rebuild/resume", "rebuild/cancel", "swap-back", "drop-previous",
            ] {
                for token in [bound, reader] {
                    let reply = try await gateway.ask("POST", "\(path)/\(action)", token: token)
                    #expect(reply.status == 403, "\(action)")
                }
            }
            _ = try await gateway.ask("POST", path + "/rebuild")
            for (token, sees) in [(bound, false), (reader, true), (gateway.admin, true)] {
                let view = try await gateway.ask("GET", path, token: token)
                let rebuild = try #require(view.json["rebuild"] as? [String: Any])
                let comparison = try #require(rebuild["comparison"] as? [String: Any])
                #expect((comparison["sample"] != nil) == sees)
                let list = try await gateway.ask("GET", "/api/v1/projections", token: token).items
                let listed = list.lazy.compactMap { $0["rebuild"] as? [String: Any] }.first
                let compared = listed?["comparison"] as? [String: Any]
                #expect(compared != nil && compared?["sample"] == nil)
            }
        }
    }

    @Test(arguments: [
        #"{"eventsPerSecond":0}"#, #"{"eventsPerSecond":"1"}"#, #"{"only":7}"#, #"{"every":"thing"}"#, "[]",
    ]) func `gets a problem for anything else`(_ body: String) async throws {
        try await TestGateway.with { gateway in
            let reply = try await gateway.ask("POST", path + "/rebuild", body)
            #expect(reply.status == 400 && reply.isProblem, "\(reply)")
            #expect(try await gateway.ask("POST", "/api/v1/projections/nothing/rebuild").status == 404)
        }
    }
}

@Suite(.timeLimit(.minutes(2))) struct `Whoever looks after a view` {
    private let path = "/api/v1/projections/devices"

    @Test func `sees what is stuck in it, and goes on with it`() async throws {
        try await TestGateway.with { gateway in
            gateway.queries.stuckCount.withLock { $0 = 1 }
            let view = try await gateway.ask("GET", path)
            let stuck = try #require((view.json["stuck"] as? [[String: Any]])?.first)
            #expect(view.json["stuckCount"] as? Int == 1)
            #expect(stuck["entity"] as? String == "d-9" && stuck["type"] as? String == "DeviceUpgraded")
            let metrics = try await gateway.ask("GET", "/metrics", token: "")
            #expect(metrics.body.contains(#"view_stuck_entities{view="devices"} 1"#))
            // How many, but not which, of other accounts.
            let bound = try await gateway.ask("GET", path, token: try await gateway.token(for: "default"))
            #expect(bound.json["stuckCount"] as? Int == 1 && bound.json["stuck"] == nil)
            let one = try await gateway.ask("POST", path + "/resume", #"{"entity":"d-1"}"#)
            #expect(one.status == 200 && one.json["resumed"] as? Int == 2 && one.json["stuckCount"] as? Int == 0)
            let all = try await gateway.ask("POST", path + "/resume")
            #expect((all.json["stuck"] as? [Any])?.count == 1)
            #expect(try await gateway.ask("POST", path + "/resume", #"{"entity":"nobody"}"#).status == 404)
        }
    }

    @Test func `lets it pause`() async throws {
        try await TestGateway.with { gateway in
            let paused = try await gateway.ask("POST", path + "/pause", #"{"reason":"let us see"}"#)
            #expect(paused.status == 200 && paused[text: "name"] == "devices")
            #expect(try await gateway.ask("POST", path + "/pause", #"{"reason":""}"#).status == 400)
            #expect(try await gateway.ask("POST", "/api/v1/projections/nothing/pause").status == 404)
        }
    }
}
