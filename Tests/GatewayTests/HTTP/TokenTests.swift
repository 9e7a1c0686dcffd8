import Gateway
import Runtime
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(5))) struct `Whoever asks` {
    @Test func `is refused on every guarded route without a token`() async throws {
        try await TestGateway.with { gateway in
            let open: Set = [
                "/healthz", "/readyz", "/metrics", "/openapi.json", "/", "/favicon.svg", "/api/v1/claims",
            ]
            func isPage(_ path: String) -> Bool { path.hasSuffix(".js") || path.hasSuffix(".css") }
            for route in gateway.gateway.routes where !open.contains(route.path) && !isPage(route.path) {
                if route.methodName == "POST" && route.path == "/api/v1/session" { continue }
                let path = route.path.replacing("{id}", with: "x").replacing("{stream}", with: "device-x")
                    .replacing("{name}", with: "devices")
                let reply = try await gateway.ask(route.methodName, path, "{}", token: "")
                #expect(reply.status == 401 && reply.isProblem, "\(route.methodName) \(route.path)")
                #expect(reply.headers["www-authenticate"]?.hasPrefix("Bearer") == true)
            }
        }
    }

    @Test func `is refused with a wrong or an expired token`() async throws {
        try await TestGateway.with { gateway in
            for wrong in ["flt_nonsense", "x", "flt_" + String(repeating: "a", count: 8_000)] {
                #expect(try await gateway.ask("GET", "/api/v1/devices", token: wrong).status == 401)
            }
            let expired = try await gateway.tokens.createToken(
                named: "old", role: .admin, expiresTime: Timestamp.now() - .seconds(1))
            #expect(try await gateway.ask("GET", "/api/v1/devices", token: expired).status == 401)
            let basic = try await gateway.ask("GET", "/api/v1/devices", ["Authorization": "Basic eDp5"], token: "")
            #expect(basic.status == 401)
        }
    }

    @Test func `is slowed down after many wrong tokens, and others are not`() async throws {
        try await TestGateway.with { gateway in
            #expect(try await gateway.ask("GET", "/api/v1/devices").status == 200)
            var statuses: [Int] = []
            for number in 0..<30 {
                statuses.append(try await gateway.ask("GET", "/api/v1/devices", token: "flt_\(number)").status)
            }
            #expect(statuses.first == 401 && statuses.last == 429)
            #expect(gateway.tokens.lookUps.withLock { $0 } <= 24)
            let slowed = try await gateway.ask("GET", "/api/v1/devices", token: "flt_x")
            #expect(slowed.isProblem && slowed.headers["retry-after"] != nil)
            #expect(try await gateway.ask("GET", "/api/v1/devices").status == 200)
        }
    }

    @Test func `is known for a while when tokens cannot be looked up`() async throws {
        try await TestGateway.with { gateway in
            #expect(try await gateway.ask("GET", "/api/v1/devices").status == 200)
            gateway.tokens.failure.withLock { $0 = .unavailable(reason: "down") }
            #expect(try await gateway.ask("GET", "/api/v1/devices").status == 200)
            let stranger = try await gateway.ask("GET", "/api/v1/devices", token: "flt_x")
            #expect(stranger.status == 503 && stranger.headers["retry-after"] == "5" && stranger.isProblem)
        }
    }

    @Test func `gets the admin token at the first start only`() async throws {
        try await TestGateway.with { gateway in
            let second = try await gateway.tokens.createAdminToken()
            #expect(second == nil)
            #expect(gateway.admin.hasPrefix("flt_") && gateway.admin.count == 47)
        }
    }
}

@Suite(.timeLimit(.minutes(5))) struct `A session` {
    @Test func `stands for a token until it is closed`() async throws {
        try await TestGateway.with { gateway in
            let cookie = try await logIn(gateway)
            let own = ["Cookie": "other=1; \(cookie)", "Sec-Fetch-Site": "same-origin"]
            #expect(try await gateway.ask("GET", "/api/v1/devices", own, token: "").status == 200)
            let me = try await gateway.ask("GET", "/api/v1/session", own, token: "")
            #expect(me[text: "name"] == "admin" && me[text: "role"] == "admin")
            let out = try await gateway.ask("DELETE", "/api/v1/session", own, token: "")
            #expect(out.status == 204 && out.headers["set-cookie"]?.contains("Max-Age=0") == true)
            #expect(try await gateway.ask("GET", "/api/v1/devices", own, token: "").status == 401)
        }
    }

    @Test func `writes from pages of this server only`() async throws {
        try await TestGateway.with { gateway in
            let cookie = try await logIn(gateway)
            let origin = "http://127.0.0.1:\(gateway.port)"
            let attempts: [([String: String], Int)] = [
                ([:], 403), (["Sec-Fetch-Site": "cross-site"], 403), (["Sec-Fetch-Site": "same-site"], 403),
                (["Origin": "http://evil.example"], 403), (["Origin": "null"], 403), (["Origin": origin], 201),
                (["Sec-Fetch-Site": "same-origin"], 201),
            ]
            for (number, (headers, status)) in attempts.enumerated() {
                let reply = try await gateway.ask(
                    "POST", "/api/v1/devices", #"{"serial":"\#(number)","type":"smoke"}"#,
                    headers.merging(["Cookie": cookie]) { $1 }, token: "")
                #expect(reply.status == status, "\(headers)")
            }
        }
    }

    @Test func `is opened with a valid token only, and not from another site`() async throws {
        try await TestGateway.with { gateway in
            let wrong = try await gateway.ask("POST", "/api/v1/session", #"{"token":"flt_x"}"#, token: "")
            #expect(wrong.status == 401 && wrong.headers["set-cookie"] == nil)
            let foreign = try await gateway.ask(
                "POST", "/api/v1/session", #"{"token":"\#(gateway.admin)"}"#, ["Origin": "http://evil.example"],
                token: "")
            #expect(foreign.status == 403)
        }
    }

    private func logIn(_ gateway: TestGateway) async throws -> String {
        let reply = try await gateway.ask("POST", "/api/v1/session", #"{"token":"\#(gateway.admin)"}"#, token: "")
        #expect(reply.status == 200)
        let cookie = try #require(reply.headers["set-cookie"])
        #expect(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"))
        return String(cookie.prefix { $0 != ";" })
    }
}
