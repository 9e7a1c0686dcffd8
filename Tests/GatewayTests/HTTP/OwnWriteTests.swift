import Gateway
import Projections
import Runtime
import Support
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(2))) struct `Whoever reads after a write` {
    private static let waiting = configured { $0.viewWait = .seconds(60) }

    @Test func `waits until the view has come to it, and not for others`() async throws {
        try await TestGateway.with(Self.waiting) { gateway in
            let written = try await gateway.ask("POST", "/api/v1/devices", #"{"serial":"s-1","type":"smoke"}"#)
            let position = try #require(written.headers["fleetlog-position"].flatMap { Int64($0) })
            let head = try await gateway.store.head().position
            #expect(position == head)
            try await withThrowingTaskGroup(of: Int.self) { group in
                for path in ["/api/v1/devices?position=\(position)", "/api/v1/devices?limit=1&position=\(position)"] {
                    group.addTask { try await gateway.ask("GET", path).status }
                }
                group.addTask {
                    try await gateway.ask("GET", "/api/v1/devices", ["Fleetlog-Position": "\(position)"]).status
                }
                // Those of another view, of an earlier position and of none are answered meanwhile.
                gateway.progress.advance("accounts", to: position)
                #expect(try await gateway.ask("GET", "/api/v1/accounts?position=\(position)").status == 200)
                gateway.progress.advance("devices", to: position - 1)
                #expect(try await gateway.ask("GET", "/api/v1/devices?position=\(position - 1)").status == 200)
                #expect(try await gateway.ask("GET", "/api/v1/devices").status == 200)
                gateway.progress.advance("devices", to: position)
                for try await status in group { #expect(status == 200) }
            }
        }
    }

    @Test func `is told which view has come how far, when the time is over`() async throws {
        let patience = configured { $0.viewWait = .milliseconds(50) }
        try await TestGateway.with(patience) { gateway in
            gateway.progress.advance("rollouts", to: 7)
            gateway.progress.advance("rollout-devices", to: 5)
            let reply = try await gateway.ask("GET", "/api/v1/rollouts/r-1/devices?position=7")
            #expect(reply.status == 503 && reply.isProblem && reply.headers["retry-after"] == "1")
            #expect(reply.body.contains("rollout-devices is at position 5") && reply.body.contains("not yet at 7"))
            #expect(reply.headers["fleetlog-position"] == "5")
        }
    }

    @Test func `is told that the device's own row stands still before it, although the view has gone on`() async throws
    {
        try await TestGateway.with(Self.waiting) { gateway in
            let id = try await gateway.register()
            let head = try await gateway.store.head().position
            gateway.progress.advance("devices", to: head)
            let path = "/api/v1/devices/\(id)"
            #expect(try await gateway.ask("GET", path).json["stuckPosition"] == nil)
            gateway.queries.stuckPosition.withLock { $0 = head }
            #expect(try await gateway.ask("GET", path).json["stuckPosition"] as? Int == Int(head))
            #expect(try await gateway.ask("GET", "\(path)?position=\(head - 1)").status == 200)
            let reply = try await gateway.ask("GET", "\(path)?position=\(head)")
            #expect(reply.status == 503 && reply[text: "type"] == "urn:fleetlog:problem:view-behind")
            #expect(reply.headers["fleetlog-position"] == "\(head - 1)")
        }
    }

    /// Each route that reads views, with the views that its answer is made of.
    @Test(arguments: [
        ("devices", ["devices"]), ("devices/{id}", ["devices"]), ("accounts", ["accounts"]),
        ("accounts/default", ["accounts"]), ("alerts", ["alerts"]), ("alerts/{alert}", ["alerts"]),
        ("rollouts", ["rollouts"]), ("metrics/temperature?device_id={id}", ["telemetry", "devices"]),
        ("devices/{id}/rolling?metric=temperature", ["telemetry", "devices"]),
        ("devices/{id}/states", ["states", "devices"]), ("fleet", ["devices", "alerts"]),
        ("dashboard/devices", ["devices"]), ("dashboard/metrics", ["devices"]), ("dashboard/alerts", ["alerts"]),
    ]) func `waits for the views that the answer is made of, and for no other`(
        route: String, views: [String]
    ) async throws {
        try await TestGateway.with(configured { $0.viewWait = .milliseconds(50) }) { gateway in
            let id = try await gateway.register()
            try await gateway.raise("a-1")
            let path = "/api/v1/" + route.replacing("{id}", with: id).replacing("{alert}", with: "a-1")
            for (last, position) in zip(views, Int64(100)...) {
                for view in views where view != last { gateway.progress.advance(view, to: position) }
                let reply = try await gateway.ask("GET", path, ["Fleetlog-Position": "\(position)"])
                #expect(reply.status == 503 && reply.isProblem, "\(path) without \(last): \(reply)")
                #expect(reply.body.contains("The view \(last) is at"), "\(path): \(reply)")
            }
            for view in views { gateway.progress.advance(view, to: 200) }
            let mark = path.contains("?") ? "&" : "?"
            let reply = try await gateway.ask("GET", "\(path)\(mark)position=200")
            #expect(reply.status == 200, "\(path): \(reply)")
        }
    }

    @Test func `is not shown what was counted of the fleet before`() async throws {
        let lasting = configured { $0.overviewLife.shortest = .seconds(3_600) }
        try await TestGateway.with(lasting) { gateway in
            let before = try await gateway.ask("GET", "/api/v1/dashboard/devices")
            #expect(before.json["total"] as? Int == 0, "\(before)")
            let written = try await gateway.ask("POST", "/api/v1/devices", #"{"serial":"s-1","type":"smoke"}"#)
            let position = try #require(written.headers["fleetlog-position"].flatMap { Int64($0) })
            for view in ["devices", "alerts"] { gateway.progress.advance(view, to: position) }
            let held = try await gateway.ask("GET", "/api/v1/dashboard/devices")
            #expect(held.json["total"] as? Int == 0, "for those who ask for no position: \(held)")
            for path in ["dashboard/devices", "fleet"] {
                let own = try await gateway.ask("GET", "/api/v1/\(path)?position=\(position)")
                let devices = path == "fleet" ? own.json["devices"] as? [String: Any] : own.json
                #expect(devices?["total"] as? Int == 1, "\(path): \(own)")
            }
        }
    }

    @Test func `learns how far the view had come before it was asked, since the rows may show no more`() async throws {
        try await TestGateway.with { gateway in
            let views = ["accounts", "alerts", "devices", "rollouts", "rollout-devices", "states", "telemetry"]
            let device = try await gateway.register()
            let paths = [
                "/api/v1/accounts", "/api/v1/accounts/default", "/api/v1/alerts", "/api/v1/devices",
                "/api/v1/devices/\(device)", "/api/v1/rollouts",
            ]
            for (path, position) in zip(paths, Int64(10)...) {
                for view in views { gateway.progress.advance(view, to: position) }
                gateway.queries.meanwhile.withLock { meanwhile in
                    meanwhile = { for view in views { gateway.progress.advance(view, to: position + 1) } }
                }
                let reply = try await gateway.ask("GET", path)
                #expect(reply.headers["fleetlog-position"] == "\(position)", "\(path): \(reply)")
                #expect(gateway.progress.position(of: "devices") == position + 1)
            }
        }
    }

    @Test(arguments: ["x", "-1", "", "99999999999999999999"]) func `is refused with anything but a position`(
        _ text: String
    ) async throws {
        try await TestGateway.with(Self.waiting) { gateway in
            let reply = try await gateway.ask("GET", "/api/v1/alerts?position=\(text)")
            #expect(reply.status == 400 && reply.isProblem)
        }
    }
}
