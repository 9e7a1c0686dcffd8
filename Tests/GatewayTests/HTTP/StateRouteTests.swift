import Aggregates
import Foundation
import Runtime
import Testing

@Suite struct `The states of a device, over HTTP` {
    private let noon = Timestamp(microseconds: 1_795_262_400_000_000)

    private func report(_ metrics: [String: MetricValue], at second: Int64, _ id: String, _ gateway: TestGateway)
        async throws
    {
        let time = noon + .seconds(second)
        let reading = Telemetry(metrics: metrics, seq: nil, clock: .device, arrival: time, schemas: .readyMade)
        let context = CommandContext(time: time, principal: .device(id), scope: .all)
        try await gateway.devices.send(CommandEnvelope(id: .v7(), .recordTelemetry(reading), context: context), to: id)
    }

    /// Dry from noon, wet from 12:10, dry again from 12:30; the reading of 12:20 comes last.
    private func reported(_ gateway: TestGateway) async throws -> String {
        let id = try await gateway.register()
        for (minute, leak) in [(0, false), (5, false), (10, true), (30, false), (40, false), (20, true)] {
            try await report(["leak": .flag(leak)], at: Int64(minute) * 60, id, gateway)
        }
        return id
    }

    private let range = "&from=2026-11-21T12:02:00Z&to=2026-11-21T13:00:00Z"

    @Test func `are stretches, with when and by which event each began, and their totals`() async throws {
        try await TestGateway.with { gateway in
            let path = "/api/v1/devices/\(try await reported(gateway))/states?metric=leak\(range)"
            let reply = try await gateway.ask("GET", path)
            #expect(reply.status == 200, "\(reply)")
            #expect(reply.items.compactMap { $0["state"] as? Bool } == [false, true, false])
            #expect(reply.items.compactMap { $0["seconds"] as? Double } == [480, 1_200, 1_800])
            #expect(reply.items.map { $0["version"] as? Int } == [nil, 4, 5])
            #expect(reply.items[1]["from"] as? String == "2026-11-21T12:10:00Z")
            #expect(reply.items[1]["lastTime"] as? String == "2026-11-21T12:20:00Z")
            let totals = try #require(reply.json["totals"] as? [[String: Any]])
            #expect(totals.compactMap { $0["seconds"] as? Double } == [2_280, 1_200])
            let first = try await gateway.ask("GET", path + "&limit=2")
            #expect(first.items.count == 2)
            let second = try await gateway.ask("GET", path + "&limit=2&after=\(try #require(first[text: "next"]))")
            #expect(second.items.compactMap { $0["seconds"] as? Double } == [1_800] && second[text: "next"] == nil)
        }
    }

    @Test func `say where not all readings of a minute were kept`() async throws {
        try await TestGateway.with { gateway in
            let id = try await gateway.register()
            for place in Int64(0)..<12 {
                try await report(["leak": .flag((4..<8).contains(place))], at: place * 5, id, gateway)
            }
            try await report(["leak": .flag(true)], at: 7_200, id, gateway)
            let path = "/api/v1/devices/\(id)/states?metric=leak"
            func thinned(_ query: String) async throws -> Bool? {
                try await gateway.ask("GET", "\(path)&\(query)").json["thinned"] as? Bool
            }
            #expect(try await thinned("from=2026-11-21T12:00:00Z&to=2026-11-21T13:00:00Z") == true)
            #expect(try await thinned("from=2026-11-21T13:00:00Z&to=2026-11-21T15:00:00Z") == nil)
            #expect(try await thinned("at=2026-11-21T12:30:00Z") == true)
            #expect(try await thinned("at=2026-11-21T14:30:00Z") == nil)
        }
    }

    @Test func `are told as of an instant`() async throws {
        try await TestGateway.with { gateway in
            let id = try await reported(gateway)
            func state(_ time: String) async throws -> [String: Any] {
                try await gateway.ask("GET", "/api/v1/devices/\(id)/states?metric=leak&at=2026-11-21T\(time)Z").json
            }
            let wet = try await state("12:15:00")
            #expect(wet["state"] as? Bool == true && wet["since"] as? String == "2026-11-21T12:10:00Z")
            #expect(wet["version"] as? Int == 4)
            #expect(try await state("12:09:59")["state"] as? Bool == false)
            #expect(try await state("12:10:00")["state"] as? Bool == true)
            #expect(try await state("11:59:59")["state"] is NSNull)
        }
    }

    @Test func `are what was thought of an instant when the log ended at a position`() async throws {
        try await TestGateway.with { gateway in
            let path = "/api/v1/devices/\(try await reported(gateway))/states?metric=leak"
            let head = try await gateway.store.head().position
            func state(_ time: String, asOf position: Int64) async throws -> [String: Any] {
                let reply = try await gateway.ask("GET", "\(path)&at=2026-11-21T\(time)Z&asOf=\(position)")
                #expect(reply.status == 200 && reply.headers["fleetlog-position"] == "\(position)", "\(reply)")
                return reply.json
            }
            // Before the reading of 12:30, and before the late one of 12:20.
            #expect(try await state("12:35:00", asOf: head - 3)["state"] as? Bool == true)
            #expect(try await state("12:35:00", asOf: head - 2)["state"] as? Bool == false)
            #expect(try await state("12:25:00", asOf: head - 1)["lastTime"] as? String == "2026-11-21T12:10:00Z")
            #expect(try await state("12:25:00", asOf: head)["lastTime"] as? String == "2026-11-21T12:20:00Z")
            for query in ["asOf=x", "asOf=\(head + 1)"] {
                let bad = try await gateway.ask("GET", "\(path)&\(query)")
                #expect(bad.status == 400 && bad[text: "field"] == "asOf", "\(bad)")
            }
        }
    }

    @Test func `without a metric are whether it was there`() async throws {
        try await TestGateway.with { gateway in
            let id = try await gateway.register()
            for (second, isOnline) in [(0, true), (600, false)] {
                let context = CommandContext(
                    time: noon + .seconds(second), principal: .device(id), scope: .all)
                try await gateway.devices.send(
                    CommandEnvelope(
                        id: .v7(), .reportStatus(StatusReport(isOnline: isOnline)), context: context), to: id)
            }
            try await report(["temperature": .number(1)], at: 900, id, gateway)
            let reply = try await gateway.ask("GET", "/api/v1/devices/\(id)/states?\(range.dropFirst())")
            #expect(reply.items.compactMap { $0["state"] as? String } == ["online", "offline", "online"], "\(reply)")
            #expect(reply.items.compactMap { $0["seconds"] as? Double } == [480, 300, 2_700])
        }
    }

    @Test func `are not for other accounts, nor those of before a move`() async throws {
        try await TestGateway.with { gateway in
            try await gateway.open("north")
            let id = try await reported(gateway)
            let north = try await gateway.token(for: "north")
            let paths = ["states?metric=leak\(range)", "rolling?metric=leak\(range)"].map {
                "/api/v1/devices/\(id)/\($0)"
            }
            for path in paths { #expect(try await gateway.ask("GET", path, token: north).status == 404) }
            #expect(try await gateway.ask("PATCH", "/api/v1/devices/\(id)", #"{"account":"north"}"#).status == 200)
            // Nor does the new account learn what the device had measured; who may see both accounts reads on.
            for path in paths {
                let moved = try await gateway.ask("GET", path, token: north)
                #expect(moved.status == 404 && moved[text: "field"] == "metric", "\(moved)")
                let whole = try await gateway.ask("GET", path)
                #expect(whole.status == 200 && !whole.items.isEmpty, "\(whole)")
            }
        }
    }

    @Test func `are refused with what is wrong about the question`() async throws {
        try await TestGateway.with { gateway in
            let id = try await reported(gateway)
            for (query, field) in [
                ("states?from=noon", "from"), ("states?from=2026-11-21T12:00:00Z&at=2026-11-21T12:00:00Z", "from"),
                ("states?from=2026-09-21T12:00:00Z", "from"), ("states?after=x", "after"), ("states?limit=0", "limit"),
                ("states?from=2036-01-01T00:00:00Z&to=2036-01-02T00:00:00Z", "from"),
                ("rolling", "metric"), ("rolling?metric=leak&window=2h", "window"),
                ("rolling?metric=leak&from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z", "from"),
            ] {
                let reply = try await gateway.ask("GET", "/api/v1/devices/\(id)/\(query)")
                #expect(reply.status == 400 && reply.isProblem && reply[text: "field"] == field, "\(query) \(reply)")
            }
            for query in ["states?metric=nothing", "rolling?metric=nothing"] {
                let unknown = try await gateway.ask("GET", "/api/v1/devices/\(id)/\(query)")
                #expect(unknown.status == 404 && unknown[text: "field"] == "metric", "\(unknown)")
            }
        }
    }
}

@Suite struct `A rolling average, over HTTP` {
    private let noon = Timestamp(microseconds: 1_795_262_400_000_000)

    @Test func `is of the last minutes, as of each, page by page`() async throws {
        try await TestGateway.with { gateway in
            let id = try await gateway.register()
            for minute in (0..<10).reversed() {
                let time = noon + .seconds(minute * 60)
                let reading = Telemetry(
                    metrics: ["temperature": .number(Double(minute))], seq: nil, clock: .device,
                    arrival: noon + .seconds(600), schemas: .readyMade)
                let context = CommandContext(time: time, principal: .device(id), scope: .all)
                try await gateway.devices.send(
                    CommandEnvelope(id: .v7(), .recordTelemetry(reading), context: context), to: id)
            }
            let path =
                "/api/v1/devices/\(id)/rolling?metric=temperature&window=5m&from=2026-11-21T12:02:00Z&to=2026-11-21T12:30:00Z"
            let reply = try await gateway.ask("GET", path)
            #expect(reply.items.compactMap { $0["mean"] as? Double } == [1, 1.5, 2, 3, 4, 5, 6, 7], "\(reply)")
            #expect(reply.items.compactMap { $0["count"] as? Int } == [3, 4, 5, 5, 5, 5, 5, 5])
            #expect(reply.items.first?["time"] as? String == "2026-11-21T12:03:00Z")
            #expect(reply[text: "unit"] == "°C" && reply[text: "next"] == nil)
            var (seen, next) = ([Double](), "")
            repeat {
                let page = try await gateway.ask("GET", path + "&limit=3" + next)
                seen += page.items.compactMap { $0["mean"] as? Double }
                next = page[text: "next"].map { "&after=\($0)" } ?? ""
            } while !next.isEmpty
            #expect(seen == [1, 1.5, 2, 3, 4, 5, 6, 7])
            // A cursor that no answer gave leads nowhere before the range.
            for after in [Int64.min, 0] {
                let page = try await gateway.ask("GET", path + "&after=\(after)")
                #expect(page.status == 200 && page.items.count == 8, "\(page)")
            }
            #expect(try await gateway.ask("GET", path + "&after=\(Int64.max)").items.isEmpty)
        }
    }
}
