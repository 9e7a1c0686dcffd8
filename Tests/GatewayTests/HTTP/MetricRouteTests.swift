import Aggregates
import Foundation
import Runtime
import Testing

@Suite struct `What a device has measured, over HTTP` {
    private let noon = Timestamp(microseconds: 1_795_262_400_000_000)

    /// A reading a minute from noon on.
    private func report(_ count: Int, of metrics: [String], from device: String, _ gateway: TestGateway) async throws {
        for minute in 0..<count {
            let values = Dictionary(uniqueKeysWithValues: metrics.map { ($0, MetricValue.number(Double(minute))) })
            let time = noon + .seconds(Int64(minute) * 60)
            let reading = Telemetry(
                metrics: values, seq: nil, clock: .device, arrival: time, schemas: .readyMade)
            try await gateway.devices.send(
                CommandEnvelope(
                    id: .v7(), .recordTelemetry(reading),
                    context: CommandContext(time: time, principal: .device(device), scope: .all)), to: device)
        }
    }

    private func path(_ metric: String, _ device: String, _ more: String = "") -> String {
        "/api/v1/metrics/\(metric)?device_id=\(device)&from=2026-11-21T12:00:00Z&to=2026-11-22T12:00:00Z\(more)"
    }

    @Test func `is answered by minute, hour and day, with units`() async throws {
        try await TestGateway.with { gateway in
            let id = try await gateway.register()
            try await report(90, of: ["temperature"], from: id, gateway)
            for (resolution, counts) in [("1m", Array(repeating: 1, count: 90)), ("1h", [60, 30]), ("1d", [90])] {
                let reply = try await gateway.ask("GET", path("temperature", id, "&resolution=\(resolution)"))
                #expect(reply.status == 200, "\(reply)")
                #expect(reply.items.compactMap { $0["count"] as? Int } == counts)
                #expect(reply.items.allSatisfy { $0["unit"] as? String == "°C" })
            }
            let hour = try #require(try await gateway.ask("GET", path("temperature", id, "&resolution=1h")).items.first)
            #expect(hour["start"] as? String == "2026-11-21T12:00:00Z" && hour["mean"] as? Double == 29.5)
            #expect(hour["min"] as? Double == 0 && hour["max"] as? Double == 59 && hour["last"] as? Double == 59)
            let deviation = try #require(hour["deviation"] as? Double)
            #expect(abs(deviation - (3_599.0 / 12).squareRoot()) < 1e-9)
            // A day is too much for readings and not enough for days.
            let usual = try await gateway.ask("GET", path("temperature", id))
            #expect(usual[text: "resolution"] == "1m" && usual.items.count == 90)
        }
    }

    @Test(arguments: [
        ("soil moisture", "soil%20moisture"), ("Außentemperatur", "Au%C3%9Fentemperatur"), ("a/b+c", "a%2Fb+c"),
    ]) func `is answered by whatever name it has`(name: String, path: String) async throws {
        try await TestGateway.with { gateway in
            let id = try await gateway.register()
            try await report(3, of: [name], from: id, gateway)
            let reply = try await gateway.ask("GET", self.path(path, id, "&resolution=raw"))
            let found = reply.items.map { $0["metric"] as? String }
            #expect(reply.status == 200 && found == [name, name, name], "\(reply)")
            #expect(try await gateway.ask("GET", self.path("%00", id)).status == 404)
            #expect(try await gateway.ask("GET", self.path("%FF", id)).status == 404)
        }
    }

    @Test func `is answered by whole days, wherever in them the range begins and ends`() async throws {
        try await TestGateway.with { gateway in
            let id = try await gateway.register()
            try await report(90, of: ["temperature"], from: id, gateway)
            let (begin, end) = ("2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z")
            for (from, to) in [(begin, end), ("2026-11-21T13:00:00Z", end), (begin, "2026-11-21T13:00:00Z")] {
                let reply = try await gateway.ask(
                    "GET",
                    "/api/v1/metrics/temperature?device_id=\(id)&resolution=1d&from=\(from)&to=\(to)")
                #expect(reply.items.compactMap { $0["count"] as? Int } == [90], "\(from) to \(to): \(reply)")
                #expect(reply[text: "to"] == end)
            }
        }
    }

    @Test func `is answered reading by reading, a late one where it belongs`() async throws {
        try await TestGateway.with { gateway in
            let id = try await gateway.register()
            try await report(5, of: ["temperature", "battery.voltage"], from: id, gateway)
            let late = Telemetry(
                metrics: ["temperature": .text("warm")], seq: nil, clock: .device, arrival: noon + .seconds(900),
                schemas: .readyMade)
            let context = CommandContext(time: noon + .seconds(30), principal: .device(id), scope: .all)
            try await gateway.devices.send(CommandEnvelope(id: .v7(), .recordTelemetry(late), context: context), to: id)
            var (seen, next) = ([[String: Any]](), "")
            repeat {
                let reply = try await gateway.ask("GET", path("temperature", id, "&resolution=raw&limit=2\(next)"))
                seen += reply.items
                next = reply[text: "next"].map { "&after=\($0)" } ?? ""
            } while !next.isEmpty && seen.count < 20
            #expect(seen.count == 6)
            #expect(seen.last?["value"] as? String == "warm" && seen.last?["flag"] as? String == "wrongKind")
            #expect(seen.last?["time"] as? String == "2026-11-21T12:00:30Z")
            #expect(seen.last?["arrivalTime"] as? String == "2026-11-21T12:15:00Z")
            let battery = try await gateway.ask("GET", path("battery", id, "&resolution=raw"))
            #expect(
                battery.items.compactMap { $0["metric"] as? String } == Array(repeating: "battery.voltage", count: 5))
        }
    }

    @Test func `is answered at the time that the clock has told since, reading by reading and by window`() async throws
    {
        try await TestGateway.with { gateway in
            let id = try await gateway.register()
            // Never set: the first one waited for an hour, the others come at once.
            for (made, arrival) in [(-3_600, 0)] + (1..<10).map({ (60 * $0, 60 * $0) }) {
                let reading = Telemetry(
                    metrics: ["temperature": .number(Double(made))], seq: nil, clock: .device,
                    arrival: noon + .seconds(arrival), schemas: .readyMade)
                let context = CommandContext(
                    time: noon + .seconds(made - 1_795_000_000), principal: .device(id), scope: .all)
                try await gateway.devices.send(
                    CommandEnvelope(id: .v7(), .recordTelemetry(reading), context: context), to: id)
            }
            let query = "/api/v1/metrics/temperature?device_id=\(id)&from=2026-11-21T10:00:00Z&to=2026-11-21T12:00:00Z"
            let raw = try await gateway.ask("GET", query + "&resolution=raw")
            #expect(raw.items.compactMap { $0["time"] as? String } == ["2026-11-21T11:00:00Z"], "\(raw)")
            let windows = try await gateway.ask("GET", query + "&resolution=1m")
            #expect(windows.items.compactMap { $0["start"] as? String } == ["2026-11-21T11:00:00Z"], "\(windows)")
            let later = try await gateway.ask("GET", path("temperature", id, "&resolution=raw"))
            #expect(later.items.count == 9)
        }
    }

    @Test func `stands together for a place`() async throws {
        try await TestGateway.with { gateway in
            let id = try await gateway.register()
            try await report(2, of: ["latitude", "longitude", "speed"], from: id, gateway)
            let reply = try await gateway.ask("GET", path("location", id, "&resolution=1h"))
            #expect(reply.items.compactMap { $0["metric"] as? String } == ["latitude", "longitude"])
        }
    }

    @Test func `is not for other accounts, also after a move`() async throws {
        try await TestGateway.with { gateway in
            try await gateway.open("north")
            let id = try await gateway.register()
            try await report(3, of: ["temperature"], from: id, gateway)
            let north = try await gateway.token(for: "north")
            for resolution in ["raw", "1m", "1h", "1d"] {
                let more = "&resolution=\(resolution)"
                #expect(try await gateway.ask("GET", path("temperature", id, more), token: north).status == 404)
            }
            #expect(try await gateway.ask("PATCH", "/api/v1/devices/\(id)", #"{"account":"north"}"#).status == 200)
            for resolution in ["raw", "1m", "1h", "1d"] {
                let moved = try await gateway.ask(
                    "GET", path("temperature", id, "&resolution=\(resolution)"), token: north)
                #expect(moved.status == 200 && moved.items.isEmpty, "\(moved)")
            }
            for query in ["", "?version=5"] {
                let device = try await gateway.ask("GET", "/api/v1/devices/\(id)\(query)", token: north)
                #expect(device.status == 200 && device[text: "account"] == "north", "\(device)")
                #expect((device.json["readings"] as? [String: Any])?.isEmpty == true, "\(device)")
            }
        }
    }

    @Test func `is refused with what is wrong about the question`() async throws {
        try await TestGateway.with { gateway in
            let id = try await gateway.register()
            for (query, field) in [
                ("", "device_id"), ("?device_id=\(id)&from=noon", "from"),
                ("?device_id=\(id)&resolution=2m", "resolution"),
                ("?device_id=\(id)&from=2026-11-21T12:00:00Z&to=2026-11-21T12:00:00Z", "from"),
                ("?device_id=\(id)&from=1970-01-01T00:00:00Z&to=9999-01-01T00:00:00Z", "from"),
                ("?device_id=\(id)&from=2026-01-01T00:00:00Z&to=2026-11-21T12:00:00Z&resolution=1m", "from"),
                ("?device_id=\(id)&after=x&resolution=1h", "after"),
                ("?device_id=\(id)&after=x&resolution=raw", "after"),
                ("?device_id=\(id)&limit=0", "limit"), ("?device_id=\(id)&colour=red", "colour"),
            ] {
                let reply = try await gateway.ask("GET", "/api/v1/metrics/temperature\(query)")
                #expect(reply.status == 400 && reply.isProblem && reply[text: "field"] == field, "\(query) \(reply)")
            }
            let unknown = try await gateway.ask("GET", path("no-such", id))
            #expect(unknown.status == 404 && unknown.isProblem && unknown[text: "field"] == "metric")
            #expect(try await gateway.ask("GET", path("temperature", "nobody")).status == 404)
        }
    }
}
