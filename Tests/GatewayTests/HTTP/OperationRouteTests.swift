import Foundation
import Gateway
import Projections
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(5))) struct `Whoever watches the server` {
    @Test func `learns whether it lives and why it is not ready`() async throws {
        try await TestGateway.with { gateway in
            #expect(try await gateway.ask("GET", "/healthz", token: "").status == 200)
            #expect(try await gateway.ask("GET", "/readyz", token: "").status == 200)
            gateway.readiness.reasons.withLock { $0 = ["Postgres cannot be reached."] }
            let reply = try await gateway.ask("GET", "/readyz", token: "")
            #expect(reply.status == 503 && reply.isProblem && reply.headers["retry-after"] == "5")
            #expect(reply.json["reasons"] as? [String] == ["Postgres cannot be reached."])
        }
    }

    @Test func `learns how the views are doing`() async throws {
        try await TestGateway.with { gateway in
            let reply = try await gateway.ask("GET", "/api/v1/projections/devices")
            #expect(reply[text: "name"] == "devices" && reply[text: "state"] == "live")
            #expect((reply.json["tether"] as? [String: Any])?["events"] as? Int == 0)
            let list = try await gateway.ask("GET", "/api/v1/projections")
            #expect(list.items.compactMap { $0["name"] as? String } == ["accounts", "alerts", "devices"])
        }
    }

    @Test func `gets a problem and a time to come back when a view cannot be read`() async throws {
        try await TestGateway.with { gateway in
            gateway.queries.failure.withLock { $0 = .unavailable(reason: "secret host") }
            let reply = try await gateway.ask("GET", "/api/v1/devices")
            #expect(reply.status == 503 && reply.isProblem && reply.headers["retry-after"] == "5")
            #expect(!reply.body.contains("secret"))
            gateway.queries.failure.withLock { $0 = .timedOut }
            #expect(try await gateway.ask("GET", "/api/v1/devices").status == 504)
        }
    }

    @Test func `gets metrics on this machine, but not through a proxy`() async throws {
        try await TestGateway.with { gateway in
            _ = try await gateway.register()
            let reply = try await gateway.ask("GET", "/metrics", token: "")
            #expect(reply.status == 200)
            #expect(
                reply.body.contains(#"http_requests_total{method="POST",path="/api/v1/devices",status="201"} 1"#))
            #expect(reply.body.contains(#"view_tether_length{view="devices"} 0"#))
            let proxied = try await gateway.ask("GET", "/metrics", ["X-Forwarded-For": "10.0.0.1"], token: "")
            #expect(proxied.status == 403)
        }
    }

    @Test func `finds the whole interface described`() async throws {
        try await TestGateway.with { gateway in
            let reply = try await gateway.ask("GET", "/openapi.json", token: "")
            let paths = try #require(reply.json["paths"] as? [String: [String: Any]])
            let described = Set(
                paths.flatMap { path, methods in
                    methods.keys.filter { $0 != "parameters" }.map { "\($0.uppercased()) \(path)" }
                })
            let pageFiles = [".css", ".js", ".svg"]
            let real = Set(
                gateway.gateway.routes.filter { route in !pageFiles.contains { route.path.hasSuffix($0) } }
                    .map { "\($0.methodName) \($0.path)" })
            #expect(described == real)
        }
    }

    @Test func `gets security headers with everything`() async throws {
        try await TestGateway.with { gateway in
            for path in ["/", "/healthz", "/nothing", "/api/v1/devices"] {
                let reply = try await gateway.ask("GET", path, token: "")
                #expect(reply.headers["content-security-policy"]?.hasPrefix("default-src 'self'") == true)
                #expect(reply.headers["x-content-type-options"] == "nosniff")
                #expect(reply.headers["x-frame-options"] == "DENY" && reply.headers["referrer-policy"] != nil)
            }
            let head = try await gateway.ask("HEAD", "/healthz", token: "")
            #expect(head.status == 200 && head.body.isEmpty)
        }
    }
}
