import Gateway
import Testing

@Suite(.timeLimit(.minutes(5))) struct `Input that nobody should send` {
    @Test func `is refused with the field and what to do`() async throws {
        try await TestGateway.with { gateway in
            let cases = [
                (#"{"serial":7,"type":"smoke"}"#, "serial"), (#"{"type":"smoke"}"#, "serial"),
                (#"{"serial":"","type":"smoke"}"#, "serial"), (#"{"serial":"1"}"#, "type"),
                (#"{"serial":"1","type":"No Type"}"#, "type"), (#"{"serial":"1","type":null}"#, "type"),
                (#"{"serial":"1","type":"smoke","labels":[]}"#, "labels"),
                (#"{"serial":"1","type":"smoke","labels":{"a":1}}"#, "labels"),
                (#"{"serial":"1","type":"smoke","seriel":"2"}"#, "seriel"),
                (#"{"serial":"1","type":"smoke","account":"../x"}"#, "account"),
                (#"{"serial":"1","type":"smoke","name":"a\u0000b"}"#, "name"),
                (#"{"serial":"1","type":"smoke","name":"\#(String(repeating: "x", count: 201))"}"#, "name"),
            ]
            for (body, field) in cases {
                let reply = try await gateway.ask("POST", "/api/v1/devices", body)
                #expect(reply.status == 400 && reply.isProblem && reply[text: "field"] == field, "\(body): \(reply)")
            }
        }
    }

    @Test func `is refused if it is no JSON object at all`() async throws {
        try await TestGateway.with { gateway in
            let deep = String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000)
            let deepObject = String(repeating: #"{"a":"#, count: 100_000) + "1" + String(repeating: "}", count: 100_000)
            for body in ["", "[]", "7", "{", "nonsense", #"{"serial":"\ud800","type":"smoke"}"#, deep, deepObject] {
                let reply = try await gateway.ask("POST", "/api/v1/devices", body)
                #expect(reply.status == 400 && reply.isProblem, "\(body.prefix(40)): \(reply)")
            }
            let unquoted = try await gateway.ask("POST", "/api/v1/devices", #"{"serial":"1",type:"smoke"}"#)
            #expect(unquoted[text: "detail"]?.hasSuffix("around character 14.") == true, "\(unquoted)")
            let form = try await gateway.ask("POST", "/api/v1/devices", "serial=1", ["Content-Type": "text/plain"])
            #expect(form.status == 415 && form.isProblem)
            let alive = try await gateway.ask("GET", "/healthz")
            #expect(alive.status == 200)
        }
    }

    @Test func `is refused in queries and headers`() async throws {
        try await TestGateway.with { gateway in
            let id = try await gateway.register()
            let queries = [
                ("/api/v1/devices?after=nonsense", "after"), ("/api/v1/devices?after=YWNjb3VudHM6eA", "after"),
                ("/api/v1/devices?limit=0", "limit"), ("/api/v1/devices?limit=1001", "limit"),
                ("/api/v1/devices?limit=ten", "limit"), ("/api/v1/devices?limit=1&limit=2", "limit"),
                ("/api/v1/devices?page=2", "page"), ("/api/v1/events?after=-1", "after"),
                ("/api/v1/events?after=99999999999999999999", "after"), ("/api/v1/devices/\(id)?at=now", "at"),
                ("/api/v1/alerts?device=%00", "device"), ("/api/v1/accounts?after=YWNjb3VudHM6AA", "after"),
                ("/api/v1/streams/device-\(id)/events?after=x", "after"), ("/api/v1/accounts?x=1", "x"),
            ]
            for (path, field) in queries {
                let reply = try await gateway.ask("GET", path)
                #expect(reply.status == 400 && reply.isProblem && reply[text: "field"] == field, "\(path): \(reply)")
            }
            #expect(try await gateway.ask("GET", "/api/v1/devices?after=%FF").status == 400)
            for key in ["", String(repeating: "k", count: 256)] {
                let reply = try await gateway.ask(
                    "POST", "/api/v1/devices", #"{"serial":"1","type":"smoke"}"#, ["Idempotency-Key": key])
                #expect(reply.status == 400 && reply[text: "field"] == "Idempotency-Key")
            }
        }
    }

    @Test func `meets 404 at wrong paths and 405 for wrong methods`() async throws {
        try await TestGateway.with { gateway in
            for path in [
                "/nothing", "/api/v1/devices/x/y", "/api/v1/devices/%2e%2e%2f", "/api/v1/devices/unknown",
                "/api/v1/streams/nonsense/events", "/api/v1/streams/device-none/events", "/api/v1/projections/none",
                "/../../etc/passwd",
            ] {
                let reply = try await gateway.ask("GET", path)
                #expect(reply.status == 404 && reply.isProblem, "\(path): \(reply)")
            }
            let wrong = try await gateway.ask("DELETE", "/api/v1/devices", "")
            #expect(wrong.status == 405 && wrong.isProblem && wrong.headers["allow"] == "GET, POST, HEAD")
            let odd = try await gateway.ask("PROPFIND", "/healthz")
            #expect(odd.status == 405)
        }
    }

    @Test func `is not read if it is too large`() async throws {
        try await TestGateway.with { gateway in
            let announced = try RawConnection(port: gateway.port)
            await announced.send(
                "POST /api/v1/devices HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(gateway.admin)\r\n"
                    + "Content-Length: 104857600\r\n\r\n")
            let early = Reply(try await announced.readToEnd())
            #expect(early.status == 413 && early.isProblem)
            let chunked = try RawConnection(port: gateway.port)
            await chunked.send(
                "POST /api/v1/devices HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(gateway.admin)\r\n"
                    + "Transfer-Encoding: chunked\r\n\r\n")
            let chunk = "10000\r\n" + String(repeating: "x", count: 0x10000) + "\r\n"
            for _ in 0..<20 { await chunked.send(chunk) }
            let late = Reply(try await chunked.readToEnd())
            #expect(late.status == 413)
        }
    }

    @Test func `may not come in drops`() async throws {
        try await TestGateway.with(configured { $0.bodyTimeout = .milliseconds(300) }) { gateway in
            let connection = try RawConnection(port: gateway.port)
            await connection.send(
                "POST /api/v1/devices HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(gateway.admin)\r\n"
                    + "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
            let reply = Reply(try await connection.readToEnd())
            #expect(reply.status == 408 && reply.isProblem)
        }
    }

    @Test func `may not keep a connection that says nothing`() async throws {
        try await TestGateway.with(configured { $0.idleTimeout = .milliseconds(300) }) { gateway in
            let silent = try RawConnection(port: gateway.port)
            #expect(try await silent.readToEnd() == "")
            let half = try RawConnection(port: gateway.port)
            await half.send("GET /healthz HTTP/1.1\r\nHost:")
            #expect(try await half.readToEnd() == "")
        }
    }

    @Test func `is refused if the header is giant or no HTTP`() async throws {
        try await TestGateway.with { gateway in
            for header in [
                "X: " + String(repeating: "x", count: 100_000),
                (0..<5_000).map { "X-\($0): 1" }.joined(separator: "\r\n"),
            ] {
                let connection = try RawConnection(port: gateway.port)
                await connection.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\(header)\r\n\r\n")
                let reply = Reply(try await connection.readToEnd())
                #expect((reply.status == 431 || reply.status == 400) && reply.isProblem, "\(reply)")
            }
            let nonsense = try RawConnection(port: gateway.port)
            await nonsense.send([0x16, 0x03, 0x01, 0x00, 0xff, 0x0d, 0x0a, 0x0d, 0x0a])
            let reply = Reply(try await nonsense.readToEnd())
            #expect(reply.status == 400 && reply.isProblem)
        }
    }
}
