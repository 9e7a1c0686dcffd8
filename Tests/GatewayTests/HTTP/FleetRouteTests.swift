import Aggregates
import Foundation
import Gateway
import Runtime
import Testing

@Suite struct `The fleet as a whole, over HTTP` {
    @Test func `is counted within the accounts of the one who asks`() async throws {
        try await TestGateway.with(configured { $0.overviewLife = .none }) { gateway in
            try await gateway.open("north")
            let talker = try await gateway.register("a")
            let quiet = try await gateway.register("b")
            let other = try await gateway.register("c", account: "north")
            for value in 0..<3 { try await gateway.record(Double(value), for: talker) }
            try await gateway.record(1, for: other)
            let late = CommandContext(
                time: .now() - .seconds(3_600), principal: .device(talker), scope: .all)
            let reading = Telemetry(metrics: ["temperature": .number(1)], seq: nil, clock: .device)
            try await gateway.devices.send(
                CommandEnvelope(id: .v7(), .recordTelemetry(reading), context: late), to: talker)
            _ = try await gateway.ask("POST", "/api/v1/devices/\(quiet)/retire", #"{"reason":"sold"}"#)

            let fleet = try await gateway.ask("GET", "/api/v1/fleet")
            #expect(fleet.status == 200, "\(fleet)")
            let devices = try #require(fleet.json["devices"] as? [String: Any])
            #expect(devices["total"] as? Int == 2)
            #expect(devices["byState"] as? [String: Int] == ["active": 2, "retired": 1])
            #expect(devices["byConnectivity"] as? [String: Int] == ["online": 2])
            #expect(devices["byType"] as? [String: Int] == ["smoke": 2])
            #expect(fleet.json["byAccount"] as? [String: Int] == ["default": 1, "north": 1])
            let metrics = try #require(fleet.json["metrics"] as? [String: Any])
            #expect(metrics["readings"] as? Int == 5 && metrics["late"] as? Int == 1)
            let talkers = try #require(metrics["topTalkers"] as? [[String: Any]])
            #expect(talkers.compactMap { $0["device"] as? String } == [talker, other])

            let north = try await gateway.token(for: "north")
            let own = try await gateway.ask("GET", "/api/v1/fleet", token: north)
            #expect(own.json["byAccount"] as? [String: Int] == ["north": 1])
            let dashboard = try await gateway.ask("GET", "/api/v1/dashboard/metrics", token: north)
            #expect(dashboard.json["readings"] as? Int == 1)
            #expect((dashboard.json["topTalkers"] as? [[String: Any]])?.count == 1)
            #expect(try await gateway.ask("GET", "/api/v1/dashboard/devices", token: north).json["total"] as? Int == 1)
            for path in ["fleet", "dashboard/devices", "dashboard/metrics", "dashboard/alerts"] {
                let foreign = try await gateway.ask("GET", "/api/v1/\(path)?account=default", token: north)
                #expect(foreign.status == 404 && foreign.isProblem)
                #expect(try await gateway.ask("GET", "/api/v1/\(path)?colour=red").status == 400)
                let narrowed = try await gateway.ask("GET", "/api/v1/\(path)?account=north")
                #expect(narrowed.status == 200)
            }
        }
    }

    @Test func `tells rates to a thousandth`() async throws {
        try await TestGateway.with(configured { $0.overviewLife = .none }) { gateway in
            try await gateway.record(21, for: try await gateway.register())
            let dashboard = try await gateway.ask("GET", "/api/v1/dashboard/metrics")
            #expect(dashboard.body.contains(#""messagesPerSecond":0.017"#), "\(dashboard)")
            #expect(!dashboard.body.contains("0.01666"))
        }
    }

    @Test func `shows alerts that are not cleared, the newest first`() async throws {
        try await TestGateway.with(configured { $0.overviewLife = .none }) { gateway in
            for number in 0..<12 {
                try await gateway.raise("a-\(number)", severity: number == 0 ? .critical : .warning)
            }
            let dashboard = try await gateway.ask("GET", "/api/v1/dashboard/alerts")
            #expect(dashboard.json["open"] as? Int == 12 && dashboard.json["acknowledged"] as? Int == 0)
            #expect(dashboard.json["bySeverity"] as? [String: Int] == ["critical": 1, "warning": 11])
            let newest = try #require(dashboard.json["newest"] as? [[String: Any]])
            #expect(newest.count == 10)
        }
    }
}
