import Aggregates
import Foundation
import Gateway
import Runtime
import Testing

extension TestGateway {
    fileprivate func rollOut(to device: String, account: String = "default") async throws -> String {
        let created = try await ask(
            "POST", "/api/v1/rollouts",
            """
            {"version":"2.0","artifact":{"url":"https://f.example/2.bin","sha256":"\(String(repeating: "a", count: 64))"},
            "devices":["\(device)"],"groupSize":1,"successThreshold":80,"errorThreshold":20,"account":"\(account)"}
            """)
        return try #require(created[text: "id"], "\(created)")
    }
}

@Suite(.timeLimit(.minutes(5))) struct `The past of what is listed` {
    /// Every read that takes a position, of these things.
    private func paths(device: String, rollout: String, alert: String = "a-1") -> [String] {
        let now = Timestamp.now()
        let span = "from=\(now - .seconds(86_400))&to=\(now + .seconds(86_400))"
        let metrics = ["1d", "raw"].map { "metrics/temperature?device_id=\(device)&resolution=\($0)&\(span)" }
        return [
            "accounts", "alerts", "alerts?state=open", "rollouts", "rollouts/\(rollout)/devices", "fleet",
            "dashboard/devices", "dashboard/metrics", "dashboard/alerts", "accounts/default", "alerts/\(alert)",
            "rollouts/\(rollout)", "devices/\(device)/rolling?metric=temperature&window=1h&\(span)",
        ] + metrics
    }

    private func ask(_ path: String, _ query: String, _ gateway: TestGateway, token: String? = nil) async throws
        -> Reply
    {
        try await gateway.ask("GET", "/api/v1/\(path)\(path.contains("?") ? "&" : "?")\(query)", token: token)
    }

    @Test func `is what was answered then, by position and by instant`() async throws {
        try await TestGateway.with(configured { $0.overviewLife = .none }) { gateway in
            let device = try await gateway.register()
            let rollout = try await gateway.rollOut(to: device)
            try await gateway.raise("a-1", device: device)
            try await gateway.record(21, for: device)
            let paths = paths(device: device, rollout: rollout)
            var stages: [(head: LogHead, bodies: [String])] = []
            func look() async throws {
                var bodies: [String] = []
                for path in paths {
                    let reply = try await gateway.ask("GET", "/api/v1/\(path)")
                    #expect(reply.status == 200, "\(path): \(reply)")
                    bodies.append(reply.body)
                }
                stages.append((try await gateway.store.head(), bodies))
            }
            try await look()
            _ = try await gateway.ask("POST", "/api/v1/alerts/a-1/acknowledge", #"{"note":"seen"}"#)
            _ = try await gateway.ask("PATCH", "/api/v1/accounts/default", #"{"name":"South"}"#)
            _ = try await gateway.ask("POST", "/api/v1/rollouts/\(rollout)/pause", #"{"reason":"smoke"}"#)
            try await gateway.record(35, for: device)
            try await look()
            try await gateway.clear("a-1")
            try await gateway.raise("a-2", device: device)
            try await gateway.open("north")
            _ = try await gateway.ask("POST", "/api/v1/rollouts/\(rollout)/abort", #"{"reason":"smoke"}"#)
            _ = try await gateway.rollOut(to: device)
            _ = try await gateway.register("s-2")
            try await gateway.record(40, for: device)
            try await look()
            for (path, bodies) in zip(paths, zip(stages[0].bodies, stages[2].bodies)) {
                #expect(bodies.0 != bodies.1, "\(path)")
            }
            for stage in stages {
                for (path, body) in zip(paths, stage.bodies) {
                    for query in ["asOf=\(stage.head.position)", "at=\(stage.head.recordedTime)"] {
                        let past = try await ask(path, query, gateway)
                        #expect(past.status == 200 && past.body == body, "\(path) \(query): \(past)")
                        let position = past.headers["fleetlog-position"].flatMap { Int64($0) }
                        // Of one thing it is that of its last event.
                        let isOfOne = path.contains("/") && past.headers["etag"] != nil
                        #expect(isOfOne || position == stage.head.position, "\(path) \(query): \(past)")
                    }
                }
            }
            let before = try await gateway.ask("GET", "/api/v1/accounts?asOf=0")
            #expect(before.status == 200 && before.items.isEmpty)
        }
    }

    @Test func `goes on where a page ended, as of the same position`() async throws {
        try await TestGateway.with { gateway in
            for name in ["a", "b", "c"] {
                try await gateway.open(name)
                try await gateway.raise(name, account: name)
            }
            let position = try await gateway.store.head().position
            var later = 0
            for (path, wanted) in [
                ("accounts?limit=2", ["a", "b", "c", "default"]), ("alerts?limit=2&state=open", ["c", "b", "a"]),
            ] {
                var (found, after): ([String], String?) = ([], nil)
                repeat {
                    let cursor = after.map { "&after=\($0)" } ?? ""
                    let page = try await gateway.ask("GET", "/api/v1/\(path)&asOf=\(position)\(cursor)")
                    found += page.items.compactMap { $0["id"] as? String }
                    after = page[text: "next"]
                    // What comes later is no part of it, and what goes stays.
                    later += 1
                    try await gateway.open("bb-\(later)")
                    try await gateway.clear("a")
                } while after != nil && found.count < 9
                #expect(found == wanted)
            }
        }
    }

    @Test func `has the units that were defined then, and ends then unless it is said when`() async throws {
        try await TestGateway.with { gateway in
            let device = try await gateway.register()
            try await gateway.record(21, for: device)
            let head = try await gateway.store.head()
            _ = try await gateway.ask(
                "PUT", "/api/v1/accounts/default/device-types/smoke",
                #"{"metrics":{"temperature":{"unit":"K","minimum":-40,"maximum":10}}}"#)
            try await gateway.record(22, of: "lux", for: device)
            let path = "metrics/temperature?device_id=\(device)&resolution=1h"
            let now = try await gateway.ask("GET", "/api/v1/\(path)")
            #expect(now.items.first?["unit"] as? String == "K", "\(now)")
            for query in ["asOf=\(head.position)", "at=\(head.recordedTime)"] {
                let then = try await ask(path, query, gateway)
                #expect(then.items.first?["unit"] as? String == "°C", "\(then)")
                #expect(then[text: "to"] == head.recordedTime.description)
                let later = try await ask("metrics/lux?device_id=\(device)", query, gateway)
                #expect(later.status == 404 && later[text: "type"] == "urn:fleetlog:problem:unknown-metric")
            }
        }
    }

    @Test func `shows nothing of another account`() async throws {
        try await TestGateway.with { gateway in
            try await gateway.open("north")
            let foreign = try await gateway.register("s-1")
            let own = try await gateway.register("s-2", account: "north")
            let rollout = try await gateway.rollOut(to: foreign)
            let ownRollout = try await gateway.rollOut(to: own, account: "north")
            try await gateway.raise("a-1", device: foreign)
            try await gateway.raise("a-2", device: own, account: "north")
            for device in [foreign, own] { try await gateway.record(1, for: device) }
            let position = try await gateway.store.head().position
            let token = try await gateway.token(.reader, for: "north")
            func ids(_ path: String) async throws -> [String] {
                try await ask(path, "asOf=\(position)", gateway, token: token).items
                    .compactMap { ($0["id"] ?? $0["device"]) as? String }
            }
            #expect(try await ids("accounts") == ["north"])
            #expect(try await ids("alerts") == ["a-2"])
            #expect(try await ids("rollouts") == [ownRollout])
            #expect(try await ids("rollouts/\(ownRollout)/devices") == [own])
            let alerts = try await ask("dashboard/alerts", "asOf=\(position)", gateway, token: token)
            #expect(alerts.json["open"] as? Int == 1)
            let measured = try await ask(
                "metrics/temperature?device_id=\(own)&resolution=1d", "asOf=\(position)", gateway, token: token)
            #expect(measured.status == 200, "\(measured)")
            for path in [
                "alerts?account=default", "rollouts?account=default", "dashboard/alerts?account=default",
                "rollouts/\(rollout)/devices", "rollouts/\(rollout)", "alerts/a-1", "accounts/default",
                "metrics/temperature?device_id=\(foreign)&resolution=1d",
                "metrics/temperature?device_id=\(foreign)&resolution=raw", "devices/\(foreign)",
            ] {
                let reply = try await ask(path, "asOf=\(position)", gateway, token: token)
                #expect(reply.status == 404 && reply.isProblem, "\(path): \(reply)")
                let everybody = try await ask(path, "asOf=\(position)", gateway)
                #expect(everybody.status == 200, "\(path): \(everybody)")
            }
        }
    }

    @Test func `belongs to whoever the device belonged to then`() async throws {
        try await TestGateway.with { gateway in
            try await gateway.open("north")
            let device = try await gateway.register()
            try await gateway.record(1, for: device)
            let position = try await gateway.store.head().position
            _ = try await gateway.ask("PATCH", "/api/v1/devices/\(device)", #"{"account":"north"}"#)
            try await gateway.record(2, for: device)
            let token = try await gateway.token(.reader, for: "default")
            let path = "metrics/temperature?device_id=\(device)&resolution=1d"
            let then = try await ask(path, "asOf=\(position)", gateway, token: token)
            #expect(then.items.compactMap { $0["count"] as? Int } == [1], "\(then)")
            #expect(try await gateway.ask("GET", "/api/v1/\(path)", token: token).status == 404)
            let north = try await gateway.token(.reader, for: "north")
            #expect(try await ask(path, "asOf=\(position)", gateway, token: north).status == 404)
        }
    }

    @Test func `is not asked for by what is no position, nor of what has no past`() async throws {
        try await TestGateway.with { gateway in
            let device = try await gateway.register()
            let rollout = try await gateway.rollOut(to: device)
            try await gateway.raise("a-1")
            for path in paths(device: device, rollout: rollout) + ["devices/\(device)", "devices/\(device)/config"] {
                for (field, query) in [
                    ("asOf", "asOf=x"), ("asOf", "asOf=-1"), ("asOf", "asOf="), ("asOf", "asOf=1000000"),
                    ("at", "at=yesterday"), ("asOf", "asOf=1&at=2026-11-21T08:00:00Z"),
                ] {
                    let bad = try await ask(path, query, gateway)
                    #expect(
                        bad.status == 400 && bad.isProblem && bad[text: "field"] == field, "\(path) \(query): \(bad)")
                }
            }
            let early = try await gateway.ask("GET", "/api/v1/alerts/a-1?asOf=1")
            #expect(early.status == 404 && early[text: "type"] == "urn:fleetlog:problem:not-found")
            for path in [
                "workflows", "notifications", "projections", "devices/\(device)/commands", "devices/\(device)/limits",
                "accounts/default/settings", "accounts/default/mailboxes", "accounts/default/claim-codes",
            ] {
                let reply = try await gateway.ask("GET", "/api/v1/\(path)?asOf=1")
                #expect(reply.status == 400 && reply.isProblem && reply[text: "field"] == "asOf", "\(path): \(reply)")
            }
        }
    }
}
