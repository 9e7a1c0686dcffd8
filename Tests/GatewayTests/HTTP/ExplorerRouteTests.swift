import Foundation
import Gateway
import Runtime
import Testing

@Suite(.timeLimit(.minutes(5))) struct `Somebody who looks for what happened` {
    @Test func `finds streams by category, account and text, and where one stands`() async throws {
        try await TestGateway.with { gateway in
            try await gateway.open("other")
            let own = try await gateway.register("kitchen-7")
            let foreign = try await gateway.register("attic-1", account: "other")
            func streams(_ query: String) async throws -> [String] {
                try await gateway.ask("GET", "/api/v1/streams?\(query)").items.compactMap { $0["stream"] as? String }
            }
            #expect(try await streams("category=account") == ["account-default", "account-other"])
            #expect(try await streams("text=KITCHEN") == ["device-\(own)"])
            #expect(try await streams("category=device&account=other") == ["device-\(foreign)"])
            #expect(try await streams("category=none").isEmpty)
            let first = try await gateway.ask("GET", "/api/v1/streams?category=device&limit=1")
            let next = try #require(first[text: "next"])
            let second = try await gateway.ask("GET", "/api/v1/streams?category=device&limit=1&after=\(next)")
            #expect(second.items.count == 1 && second.json["next"] is NSNull)
            try await gateway.record(21, for: own)
            let one = try await gateway.ask("GET", "/api/v1/streams/device-\(own)")
            #expect(one.json["version"] as? Int == 2 && one[text: "account"] == "default")
            #expect(one[text: "firstType"] == "DeviceRegistered")
        }
    }

    @Test func `learns nothing by a stream of what it was before or after it was theirs`() async throws {
        try await TestGateway.with { gateway in
            try await gateway.open("north")
            let id = try await gateway.register()
            _ = try await gateway.ask("PATCH", "/api/v1/devices/\(id)", #"{"account":"north"}"#)
            try await gateway.record(21, for: id)
            func seen(by account: String) async throws -> Reply {
                try await gateway.ask(
                    "GET", "/api/v1/streams/device-\(id)", [:], token: try await gateway.token(for: account))
            }
            let before = try await seen(by: "default")
            #expect(before[text: "account"] == "default" && before[text: "firstType"] == "DeviceRegistered")
            #expect(before.status == 200 && before.json["version"] == nil && before.json["lastTime"] == nil)
            let now = try await seen(by: "north")
            #expect(now[text: "account"] == "north" && now[text: "firstType"] == "DeviceAssigned")
            #expect(now.json["version"] as? Int == 3)
        }
    }

    @Test func `reads the log by who did it, by request, and between two instants`() async throws {
        try await TestGateway.with { gateway in
            let id = try await gateway.register()
            try await gateway.record(21, for: id)
            func types(_ query: String) async throws -> [String] {
                let reply = try await gateway.ask("GET", "/api/v1/events?\(query)")
                #expect(reply.status == 200, "\(reply)")
                return reply.items.compactMap { $0["type"] as? String }
            }
            #expect(try await types("principal=user:admin") == ["DeviceRegistered"])
            #expect(try await types("principal=device:\(id)") == ["TelemetryRecorded"])
            let all = try await gateway.ask("GET", "/api/v1/events")
            let metadata = try #require(all.items[1]["metadata"] as? [String: Any])
            let request = try #require(metadata["correlationId"] as? String)
            #expect(try await types("correlation=\(request)") == ["DeviceRegistered"])
            let times = all.items.compactMap { $0["recordedTime"] as? String }
            #expect(try await types("from=\(times[1])&to=\(times[2])") == ["DeviceRegistered"])
            #expect(try await types("to=\(times[0])").isEmpty)
            #expect(try await types("from=2100-01-01T00:00:00Z").isEmpty)
            let page = try await gateway.ask("GET", "/api/v1/events?limit=1&to=\(times[2])")
            #expect(page[text: "next"] == "1")
            let last = try await gateway.ask("GET", "/api/v1/events?limit=1&after=1&to=\(times[2])")
            #expect(last.items.count == 1 && last.json["next"] is NSNull)
        }
    }

    @Test func `follows a chain back to its origin and forward to its end`() async throws {
        try await TestGateway.with { gateway in
            let origin = try await gateway.follow(nil, as: "origin-1")
            let middle = try await gateway.follow(origin, as: "middle-1")
            let end = try await gateway.follow(middle, as: "end-1")
            let reply = try await gateway.ask("GET", "/api/v1/events/\(middle)/chain")
            func streams(_ name: String) -> [String] {
                (reply.json[name] as? [[String: Any]] ?? []).compactMap { $0["stream"] as? String }
            }
            #expect(reply.status == 200, "\(reply)")
            #expect(streams("causes") == ["origin-1"] && streams("effects") == ["end-1"])
            #expect((reply.json["event"] as? [String: Any])?["stream"] as? String == "middle-1")
            #expect(reply.json["truncated"] as? Bool == false)
            let last = try await gateway.ask("GET", "/api/v1/events/\(end)/chain")
            #expect((last.json["causes"] as? [[String: Any]])?.count == 2)
            let one = try await gateway.ask("GET", "/api/v1/events/\(end)")
            #expect(one[text: "stream"] == "end-1")
        }
    }

    @Test func `sees who did what, the newest first`() async throws {
        try await TestGateway.with { gateway in
            let id = try await gateway.register()
            try await gateway.record(21, for: id)
            _ = try await gateway.ask("PATCH", "/api/v1/devices/\(id)", #"{"name":"Kitchen"}"#)
            let acts = try await gateway.ask("GET", "/api/v1/activity?limit=1")
            #expect(acts.items.compactMap { $0["type"] as? String } == ["DeviceUpdated"])
            let next = try #require(acts[text: "next"])
            let rest = try await gateway.ask("GET", "/api/v1/activity?after=\(next)&principal=user:admin")
            #expect(rest.items.compactMap { $0["type"] as? String } == ["DeviceRegistered"])
        }
    }

    @Test func `of one account sees nothing of another`() async throws {
        try await TestGateway.with { gateway in
            try await gateway.open("other")
            let id = try await gateway.register()
            let event = try #require(
                try await gateway.ask("GET", "/api/v1/events?category=device").items.first?["metadata"]
                    as? [String: Any])
            let eventID = try #require(event["id"] as? String)
            let token = try await gateway.token(.reader, for: "other")
            for path in ["streams/device-\(id)", "events/\(eventID)", "events/\(eventID)/chain"] {
                let foreign = try await gateway.ask("GET", "/api/v1/\(path)", [:], token: token)
                let absent = try await gateway.ask(
                    "GET", "/api/v1/\(path.replacing(id, with: "none").replacing(eventID, with: "\(UUID128.v7())"))")
                #expect(foreign.status == 404 && foreign.body == absent.body, "\(path)")
            }
            #expect(try await gateway.ask("GET", "/api/v1/streams?account=default", [:], token: token).status == 404)
            let streams = try await gateway.ask("GET", "/api/v1/streams", [:], token: token)
            #expect(streams.items.compactMap { $0["stream"] as? String } == ["account-other"])
            #expect(try await gateway.ask("GET", "/api/v1/activity", [:], token: token).items.isEmpty)
        }
    }

    @Test func `is told what is wrong with a question`() async throws {
        try await TestGateway.with { gateway in
            for (path, status) in [
                ("streams?category=a-b", 400), ("streams?after=x", 400), ("streams?nonsense=1", 400),
                ("streams/nonsense", 404), ("events/nonsense", 404), ("events/\(UUID128.v7())/chain", 404),
                ("events?principal=nobody", 400), ("events?correlation=1", 400), ("events?from=now", 400),
                ("events?from=2026-11-21T03:00:00Z&to=2026-11-21T02:00:00Z", 400), ("activity?principal=system", 400),
                ("activity?after=x", 400), ("activity?limit=0", 400),
            ] {
                let reply = try await gateway.ask("GET", "/api/v1/\(path)")
                #expect(reply.status == status && reply.isProblem, "\(path): \(reply.status)")
            }
        }
    }
}

extension TestGateway {
    /// Appends an event that follows from another, and returns its id.
    fileprivate func follow(_ cause: UUID128?, as stream: String) async throws -> UUID128 {
        let event = NewEvent(
            id: .v7(), type: "Followed", observedTime: .now(), data: Array("{}".utf8),
            metadata: EventMetadata(principal: .system, account: .default, commandID: .v7(), causationID: cause))
        let name = try #require(StreamName(stream))
        _ = try await store.append(Append([StreamChange(name, expecting: 0, events: [event])]))
        return event.id
    }
}
