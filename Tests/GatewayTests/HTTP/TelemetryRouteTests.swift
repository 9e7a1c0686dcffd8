import Aggregates
import Foundation
import Gateway
import Runtime
import Support
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(2))) struct `Readings by HTTP` {
    @Test func `become the events that they become by MQTT, and are counted once`() async throws {
        try await DeviceGateway.with { gateway in
            let message = #"[{"seq":1,"temperature":21.5},{"ts":"2026-11-21T04:00:00Z","gps":{"lat":1}}]"#
            let first = try await gateway.post(message)
            #expect(first.status == 200 && first.body == #"{"duplicates":0,"recorded":2}"#, "\(first)")
            #expect(try await gateway.post(message).body == #"{"duplicates":2,"recorded":0}"#)
            let events = try await gateway.readings()
            #expect(events.count == 2 && events[1].observedTime == Timestamp("2026-11-21T04:00:00Z"))
            #expect(events.allSatisfy { $0.metadata.principal == .device(gateway.device) })
            #expect(String(decoding: events[1].data, as: UTF8.self).contains(#""gps.lat":1"#))
        }
    }

    @Test func `are answered with a receipt to who asks`() async throws {
        try await DeviceGateway.with { gateway in
            _ = try await gateway.post(#"[{"seq":1,"a":1},{"seq":3,"a":1}]"#)
            let reply = try await gateway.post(#"{"seq":4,"receipt":true,"a":1}"#)
            #expect(reply.body == #"{"duplicates":0,"receipt":{"ranges":[[1,1],[3,4]],"seq":1},"recorded":1}"#)
        }
    }

    @Test func `are counted as repetitions with the next one that is none, and so are there after a restart`()
        async throws
    {
        try await DeviceGateway.with { gateway in
            func duplicates() async throws -> Int? {
                try await gateway.gateway.ask("GET", "/api/v1/devices/\(gateway.device)").json["duplicateCount"] as? Int
            }
            for _ in 0..<3 { _ = try await gateway.post(#"{"seq":1,"a":1}"#) }
            // An array in which one is new, and the first counts before it.
            _ = try await gateway.post(#"[{"ts":"2026-11-21T04:00:00Z","a":1}]"#)
            _ = try await gateway.post(#"[{"ts":"2026-11-21T04:00:00Z","a":1}]"#)
            #expect(try await duplicates() == 2)
            _ = try await gateway.post(#"{"seq":2,"a":1}"#)
            _ = try await gateway.post(#"{"seq":3,"a":1}"#)
            #expect(try await duplicates() == 3)
            let counts = try await gateway.readings().map { event in
                guard case .telemetryRecorded(let fact) = try Device.codec.decode(event) else { return Int64(-1) }
                return fact.repetitions ?? 0
            }
            #expect(counts == [0, 2, 1, 0])
            let elsewhere = Directory<Device>(store: gateway.gateway.store, snapshots: InMemorySnapshotStore())
            #expect(try await elsewhere.recall(gateway.device).state.duplicateCount == 3)
        }
    }

    @Test func `are dated by when they came if their own time cannot be`() async throws {
        try await DeviceGateway.with { gateway in
            #expect(try await gateway.post(#"{"ts":"1970-01-01T00:00:05Z","temperature":3}"#).status == 200)
            let event = try #require(try await gateway.readings().first)
            #expect(event.observedTime == Timestamp(microseconds: 5_000_000))
            guard case .telemetryRecorded(let fact) = try Device.codec.decode(event) else {
                Issue.record("\(event.type)")
                return
            }
            #expect(fact.flags?.time == .unset)
            #expect(fact.correctedTime(event.observedTime) == fact.arrival(event.observedTime))
            #expect(abs((fact.correctedTime(event.observedTime) - event.recordedTime).components.seconds) < 60)
        }
    }

    @Test func `beyond the device's limit are refused, with the time to come back, and nothing of them is stored`()
        async throws
    {
        try await DeviceGateway.with(limit: DeviceLimit()) { gateway in
            let path = "/api/v1/devices/\(gateway.device)"
            let limited = #"{"limits":{"messagesPerMinute":2,"messageBurst":2}}"#
            #expect(try await gateway.ask("PATCH", path, limited).status == 200)
            for number in 1...2 { #expect(try await gateway.post(#"{"a":\#(number)}"#).status == 200) }
            let refused = try await gateway.post(#"{"a":3}"#)
            #expect(refused.status == 429 && refused.body.contains("too-many-readings"), "\(refused)")
            let wait = try #require(refused.headers["retry-after"].flatMap { Int($0) })
            #expect((1...30).contains(wait))
            #expect(try await gateway.readings().count == 2)
            #expect(try await gateway.ask("PATCH", path, #"{"limits":{"messagesPerMinute":0}}"#).status == 200)
            #expect(try await gateway.post(#"{"a":3}"#).status == 200)
        }
    }

    @Test func `that are told apart by nothing are new each time, unless a key says otherwise`() async throws {
        try await DeviceGateway.with { gateway in
            for _ in 0..<2 { #expect(try await gateway.post(#"{"a":1}"#).json["recorded"] as? Int == 1) }
            for repetition in 0..<2 {
                let reply = try await gateway.post(#"{"a":1}"#, ["Idempotency-Key": "k"])
                #expect(reply.json["duplicates"] as? Int == repetition)
            }
            #expect(try await gateway.readings().count == 3)
        }
    }

    @Test func `may come as events, one or several, with the key alone as a bearer token`() async throws {
        try await DeviceGateway.with { gateway in
            let bearer = ["Authorization": "Bearer \(gateway.key)"]
            let event =
                #"{"device_id":"\#(gateway.device)","event_type":"temperature","payload":{"value":21.5,"unit":"C"}}"#
            #expect(try await gateway.post(event, bearer).status == 200)
            let timed = event.dropLast() + #","ts":"2026-11-21T04:00:00Z","seq":4}"#
            #expect(try await gateway.post("[\(timed),\(event)]", bearer).json["recorded"] as? Int == 2)
            let data = try await gateway.readings().map { String(decoding: $0.data, as: UTF8.self) }
            #expect(
                data.allSatisfy { $0.contains(#""metrics":{"temperature":21.5,"temperature.unit":"C"}"#) }, "\(data)")
            #expect(data[1].contains(#""seq":4"#))
            for query in ["", "?device_id=\(gateway.device)"] {
                let reply = try await gateway.ask(
                    "POST", "/api/v1/events\(query)", #"{"a":1}"#, bearer, token: "")
                #expect(reply.status == (query.isEmpty ? 401 : 200))
            }
        }
    }

    @Test(arguments: [
        #"{"event_type":"t"}"#, #"{"payload":{"value":1}}"#, #"{"event_type":"t","payload":1}"#,
        #"{"event_type":"t","payload":{"unit":"C"}}"#, #"{"event_type":"","payload":{"value":1}}"#,
        #"{"event_type":"t","payload":{"value":1},"x":1}"#, #"{"event_type":7,"payload":{"value":1}}"#,
        #"{"event_type":"t","event_type":"t","payload":{"value":1}}"#, #"{"device_id":7,"a":1}"#,
        #"{"event_type":"t","payload":{"value":1},"payload":{"value":1}}"#, #"{"a":NaN}"#, "",
        #"{"event_type":"ts","payload":{"value":1}}"#,
    ]) func `that cannot be understood are refused, and noted`(message: String) async throws {
        try await DeviceGateway.with { gateway in
            let reply = try await gateway.post(message)
            #expect(reply.status == 400 && reply.isProblem && reply.body.contains("malformed-telemetry"), "\(reply)")
            let events = try await gateway.events()
            #expect(events.map(\.type) == ["DeviceRegistered", "MessageRefused"])
        }
    }

    @Test func `come in CBOR as well, and in gzip`() async throws {
        try await DeviceGateway.with { gateway in
            let cbor = ["Content-Type": "application/cbor"]
            #expect(try await gateway.post(bytes("a1 61 61 f93e00"), cbor).status == 200)
            #expect(try await gateway.post(bytes("a1 61 61 f93e00"), [:]).status == 400)
            #expect(try await gateway.post(Array(#"{"a":1}"#.utf8), cbor).status == 400)
            #expect(try await gateway.post(#"{"a":1}"#, ["Content-Type": "text/plain"]).status == 415)
            let gzip = ["Content-Encoding": "gzip"]
            let packed = try gzipped(#"[{"b":2},{"b":3}]"#)
            #expect(try await gateway.post(packed, gzip).json["recorded"] as? Int == 2)
            let members = try gzipped(#"[{"b":4},"#) + gzipped(#"{"b":5}]"#)
            #expect(try await gateway.post(members, gzip).json["recorded"] as? Int == 2)
            for broken in [Array(packed.dropLast(9)), Array("{}".utf8), packed + [1, 2, 3], []] {
                #expect(try await gateway.post(broken, gzip).status == 400)
            }
            #expect(try await gateway.post(packed, ["Content-Encoding": "br"]).status == 415)
            #expect(try await gateway.readings().count == 5)
        }
    }

    @Test func `that unpack to more than a message may have are refused, however small they come`() async throws {
        try await DeviceGateway.with { gateway in
            let bomb = try gzipped("{\"a\":\"" + String(repeating: "x", count: 100 << 20) + "\"}")
            #expect(bomb.count < 256 << 10)
            let reply = try await gateway.post(bomb, ["Content-Encoding": "gzip"])
            #expect(reply.status == 413 && reply.isProblem)
            let fits = "{\"a\":\"" + String(repeating: "x", count: (256 << 10) - 8) + "\"}"
            #expect(try await gateway.post(try gzipped(fits), ["Content-Encoding": "gzip"]).status == 200)
            #expect(try await gateway.post(fits + " ").status == 413)
        }
    }

    @Test func `are taken from nobody but the device itself`() async throws {
        try await DeviceGateway.with { gateway in
            let other = try await gateway.ask("POST", "/api/v1/devices", #"{"serial":"2","type":"smoke"}"#)
            let (id, key) = (try #require(other[text: "id"]), try #require(other[text: "apiKey"]))
            let event = #"{"device_id":"\#(gateway.device)","event_type":"t","payload":{"value":1}}"#
            // A device that speaks for another, in each of the ways in which it can be named.
            let basic = ["Authorization": "Basic " + Data("\(id):\(key)".utf8).base64EncodedString()]
            #expect(try await gateway.post(event, basic).status == 403)
            #expect(try await gateway.post(event, ["Authorization": "Bearer \(key)"]).status == 401)
            let query = "/api/v1/events?device_id=\(gateway.device)"
            #expect(try await gateway.ask("POST", query, #"{"a":1}"#, basic, token: "").status == 403)
            let mixed = #"[{"device_id":"\#(id)","a":1},{"device_id":"\#(gateway.device)","a":1}]"#
            #expect(try await gateway.post(mixed, ["Authorization": "Bearer \(key)"]).status == 403)
            for header in ["Bearer \(gateway.admin)", "Basic !!!", "Basic eHg=", "Digest x", "Bearer"] {
                #expect(try await gateway.post(event, ["Authorization": header]).status == 401, "\(header)")
            }
            #expect(try await gateway.ask("POST", "/api/v1/events", event, token: "").status == 401)
            #expect(try await gateway.readings().isEmpty)
            _ = try await gateway.ask("POST", "/api/v1/devices/\(id)/quarantine", #"{"reason":"odd"}"#)
            #expect(try await gateway.post(#"{"a":1}"#, basic).status == 409)
            let noted = try await gateway.ask("GET", "/api/v1/events?device_id=\(id)&type=MessageRefused")
            #expect(noted.items.count == 1)
            // Its own key goes with it.
            _ = try await gateway.ask("POST", "/api/v1/devices/\(gateway.device)/retire", "{}")
            #expect(try await gateway.post(#"{"a":1}"#).status == 401)
        }
    }

    @Test func `are answered 429 to who tries many keys, and not to a device that proved itself`() async throws {
        try await DeviceGateway.with { gateway in
            #expect(try await gateway.post(#"{"a":1}"#).status == 200)
            var statuses: [Int] = []
            for attempt in 0..<25 {
                let wrong = Data("\(gateway.device):flk_\(attempt)".utf8).base64EncodedString()
                statuses.append(try await gateway.post(#"{"a":1}"#, ["Authorization": "Basic \(wrong)"]).status)
            }
            #expect(statuses.first == 401 && statuses.last == 429 && Set(statuses) == [401, 429], "\(statuses)")
            #expect(try await gateway.post(#"{"a":1}"#).status == 200)
        }
    }

    @Test func `are found again by the time at which they were observed`() async throws {
        try await DeviceGateway.with { gateway in
            for hour in [5, 3, 4, 2] {
                #expect(try await gateway.post(#"{"ts":"2026-11-21T0\#(hour):00:00Z","a":\#(hour)}"#).status == 200)
            }
            func hours(_ query: String) async throws -> [String] {
                let reply = try await gateway.ask("GET", "/api/v1/events?device_id=\(gateway.device)\(query)")
                #expect(reply.status == 200, "\(reply)")
                return reply.items.compactMap { ($0["time"] as? String).map { String($0.dropFirst(11).prefix(2)) } }
            }
            #expect(try await hours("&type=TelemetryRecorded") == ["05", "03", "04", "02"])
            #expect(try await hours("&from=2026-11-21T03:00:00Z&to=2026-11-21T05:00:00Z") == ["03", "04"])
            let first = try await gateway.ask(
                "GET", "/api/v1/events?device_id=\(gateway.device)&to=2026-11-21T05:00:00Z&limit=1")
            let next = try #require(first[text: "next"])
            #expect(try await hours("&to=2026-11-21T05:00:00Z&limit=2&after=\(next)") == ["04", "02"])
            let stranger = try await gateway.token(for: "default-2")
            let unseen = try await gateway.ask(
                "GET", "/api/v1/events?device_id=\(gateway.device)", token: stranger)
            #expect(unseen.status == 404)
            #expect(try await gateway.ask("GET", "/api/v1/events?device_id=x&from=now").status == 400)
        }
    }
}

/// A gateway over Postgres, with a device that has a key.
private struct DeviceGateway: Sendable {
    let gateway: TestGateway
    let device: String
    let key: String
    var admin: String { gateway.admin }

    static func with(
        limit: DeviceLimit? = nil, _ body: @Sendable (DeviceGateway) async throws -> Void
    ) async throws {
        try await PostgresLog.with { log in
            try await TestGateway.with(store: log.store, keys: PostgresDeviceKeys(pool: log.pool), limit: limit) {
                gateway in
                let reply = try await gateway.ask("POST", "/api/v1/devices", #"{"serial":"1","type":"smoke"}"#)
                try await body(
                    DeviceGateway(
                        gateway: gateway, device: try #require(reply[text: "id"]),
                        key: try #require(reply[text: "apiKey"])))
            }
        }
    }

    func ask(
        _ method: String, _ path: String, _ body: String? = nil, _ headers: [String: String] = [:],
        token: String? = nil
    ) async throws -> Reply { try await gateway.ask(method, path, body, headers, token: token) }

    func token(for account: String) async throws -> String { try await gateway.token(for: account) }

    func post(_ body: String, _ headers: [String: String] = [:]) async throws -> Reply {
        try await post(Array(body.utf8), headers)
    }

    /// As the device, unless the headers say otherwise.
    func post(_ body: [UInt8], _ headers: [String: String] = [:]) async throws -> Reply {
        var fields = [
            "Authorization": "Basic " + Data("\(device):\(key)".utf8).base64EncodedString(),
            "Content-Type": "application/json",
        ]
        fields.merge(headers) { $1 }
        let head = fields.map { "\($0): \($1)\r\n" }.joined()
        let connection = try RawConnection(port: gateway.port)
        await connection.send(
            Array(
                "POST /api/v1/events HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\(head)Content-Length: \(body.count)\r\n\r\n"
                    .utf8) + body)
        return Reply(try await connection.readToEnd())
    }

    func events() async throws -> [RecordedEvent] {
        try await gateway.store.readStream(StreamName(category: "device", id: device), from: 1, limit: 1_000)
    }

    func readings() async throws -> [RecordedEvent] { try await events().filter { $0.type == "TelemetryRecorded" } }
}

/// By another program than the one under test.
private func gzipped(_ text: String) throws -> [UInt8] {
    let folder = try ThrowawayFolder.make()
    defer { ThrowawayFolder.remove(folder) }
    try text.write(toFile: folder + "/text", atomically: false, encoding: .utf8)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/gzip")
    process.arguments = ["-c", "-9", folder + "/text"]
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    defer { process.waitUntilExit() }
    return Array(output.fileHandleForReading.readDataToEndOfFile())
}
