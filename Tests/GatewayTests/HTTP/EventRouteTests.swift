import Foundation
import Gateway
import Runtime
import Testing

@Suite(.timeLimit(.minutes(5))) struct `The log over HTTP` {
    @Test func `shows each event with exactly these fields`() async throws {
        try await TestGateway.with { gateway in
            let id = try await gateway.register()
            let reply = try await gateway.ask("GET", "/api/v1/events?category=device")
            #expect(reply.status == 200 && reply.headers["fleetlog-position"] == "2")
            let event = try #require(reply.items.first)
            #expect(
                Set(event.keys) == [
                    "position", "stream", "version", "type", "time", "recordedTime", "account", "data", "metadata",
                ])
            #expect(event["stream"] as? String == "device-\(id)" && event["position"] as? Int == 2)
            let metadata = try #require(event["metadata"] as? [String: Any])
            #expect(metadata["principal"] as? String == "user:admin" && metadata["correlationId"] != nil)
        }
    }

    @Test func `gives payloads back byte for byte`() async throws {
        try await TestGateway.with { gateway in
            let data = "{ \"b\" : 1.50,\r\n\t\"a\":\"\\u00e4\\/\" }"
            try await gateway.append(data, to: "odd-1")
            let reply = try await gateway.ask("GET", "/api/v1/streams/odd-1/events")
            #expect(reply.body.contains(#""data":\#(data),"metadata""#))
            let stream = try await EventStream(gateway, "/api/v1/streams/odd-1/events")
            let event = try await stream.next()
            let json = try #require(try JSONSerialization.jsonObject(with: Data(event.data.utf8)) as? [String: Any])
            #expect((json["data"] as? [String: Any])?["a"] as? String == "ä/")
        }
    }

    @Test func `is read page by page`() async throws {
        try await TestGateway.with { gateway in
            let id = try await gateway.register()
            for value in 1...4 { try await gateway.record(Double(value), for: id) }
            let first = try await gateway.ask("GET", "/api/v1/events?limit=4")
            #expect(first.items.count == 4 && first[text: "next"] == "4")
            let rest = try await gateway.ask("GET", "/api/v1/events?limit=4&after=4")
            #expect(rest.items.compactMap { $0["position"] as? Int } == [5, 6] && rest.json["next"] is NSNull)
            let stream = try await gateway.ask("GET", "/api/v1/streams/device-\(id)/events?after=1&limit=2")
            #expect(stream.items.compactMap { $0["version"] as? Int } == [2, 3] && stream[text: "next"] == "3")
            let beyond = try await gateway.ask("GET", "/api/v1/streams/device-\(id)/events?after=9223372036854775807")
            #expect(beyond.status == 200 && beyond.items.isEmpty)
        }
    }

    @Test func `goes on as it grows, and where a browser left off`() async throws {
        try await TestGateway.with { gateway in
            let id = try await gateway.register()
            let stream = try await EventStream(gateway, "/api/v1/events?after=1")
            #expect(try await stream.next().id == "2")
            try await gateway.record(21, for: id)
            let live = try await stream.next()
            #expect(live.id == "3" && live.data.contains(#""temperature":21"#))
            try await gateway.record(22, for: id)
            let resumed = try await EventStream(gateway, "/api/v1/events?after=0", lastEventID: "3")
            #expect(try await resumed.next().id == "4")
            let versions = try await EventStream(gateway, "/api/v1/streams/device-\(id)/events", lastEventID: "2")
            #expect(try await versions.next().id == "3")
            try await gateway.record(23, for: id)
            #expect(try await versions.next().id == "4")
            let wrong = try await gateway.ask(
                "GET", "/api/v1/events", ["Accept": "text/event-stream", "Last-Event-ID": "x"])
            #expect(wrong.status == 400 && wrong[text: "field"] == "Last-Event-ID")
        }
    }

    @Test func `shows that it lives while nothing happens`() async throws {
        try await TestGateway.with(configured { $0.heartbeatInterval = .milliseconds(200) }) { gateway in
            let connection = try RawConnection(port: gateway.port)
            await connection.send(EventStream.request(gateway, "/api/v1/events?after=1", nil))
            _ = try await connection.read(until: ": still here")
        }
    }

    @Test func `ends with the server, and frees its slot with the client`() async throws {
        try await TestGateway.with(configured { $0.streamLimit = 1 }) { gateway in
            var stream: EventStream? = try await EventStream(gateway, "/api/v1/events")
            _ = try await stream?.next()
            let full = try await gateway.ask("GET", "/api/v1/events", ["Accept": "text/event-stream"])
            #expect(full.status == 503 && full.isProblem && full.headers["retry-after"] == "10")
            stream = nil
            var last: EventStream?
            while last == nil { last = try? await EventStream(gateway, "/api/v1/events") }
            _ = try await last?.next()
            await gateway.shutDown()
            let rest = try await last?.connection.readToEnd() ?? ""
            #expect(rest.hasSuffix("0\r\n\r\n"))
        }
    }

    @Test func `ends when the token is taken away`() async throws {
        try await TestGateway.with(configured { $0.heartbeatInterval = .milliseconds(100) }) { gateway in
            let token = try await gateway.tokens.createToken(
                named: "short", role: .reader, expiresTime: Timestamp.now() + .milliseconds(500))
            let stream = try await EventStream(gateway, "/api/v1/events", token: token)
            _ = try await stream.connection.readToEnd()
        }
    }
}

/// The client's side of server-sent events.
final class EventStream: Sendable {
    let connection: RawConnection

    init(_ gateway: TestGateway, _ path: String, lastEventID: String? = nil, token: String? = nil) async throws {
        connection = try RawConnection(port: gateway.port)
        await connection.send(Self.request(gateway, path, lastEventID, token: token))
        let head = Reply(try await connection.read(until: "\r\n\r\n"))
        guard head.status == 200, head.headers["content-type"]?.hasPrefix("text/event-stream") == true else {
            throw RawConnection.ConnectionEnded(text: "\(head)")
        }
    }

    static func request(
        _ gateway: TestGateway, _ path: String, _ lastEventID: String?, token: String? = nil
    ) -> String {
        "GET \(path) HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(token ?? gateway.admin)\r\n"
            + "Accept: text/event-stream\r\n" + (lastEventID.map { "Last-Event-ID: \($0)\r\n" } ?? "") + "\r\n"
    }

    /// The next event, comments skipped.
    func next() async throws -> (id: String, data: String) {
        while true {
            let block = try await connection.read(until: "\n\n")
            let lines = block.split(whereSeparator: \.isNewline)
            guard let id = lines.first(where: { $0.hasPrefix("id: ") }) else { continue }
            let data = lines.filter { $0.hasPrefix("data: ") }.map { $0.dropFirst(6) }.joined(separator: "\n")
            return (String(id.dropFirst(4)), data)
        }
    }
}

extension TestGateway {
    func append(_ data: String, to stream: String) async throws {
        let name = try #require(StreamName(stream))
        let event = NewEvent(
            id: .v7(), type: "Odd", observedTime: .now(), data: Array(data.utf8),
            metadata: EventMetadata(principal: .system, account: .default, commandID: .v7()))
        let outcome = try await store.append(Append([StreamChange(name, expecting: 0, events: [event])]))
        guard case .accepted = outcome else { throw RawConnection.ConnectionEnded(text: "\(outcome)") }
    }
}
