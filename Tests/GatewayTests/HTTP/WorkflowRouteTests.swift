import Gateway
import Testing

@Suite(.timeLimit(.minutes(5))) struct `Whoever looks after the workflows` {
    @Test func `learns how they are doing and which instances stand still`() async throws {
        try await TestGateway.with { gateway in
            let list = try await gateway.ask("GET", "/api/v1/workflows")
            #expect(list.status == 200 && list.items.first?["name"] as? String == "silence")
            #expect(list.items.first?["stopped"] as? Int == 1)
            let stopped = try await gateway.ask("GET", "/api/v1/workflows/silence/stopped")
            #expect(stopped.items.first?["key"] as? String == "d1")
            #expect(stopped.items.first?["reason"] as? String == "an event cannot be read")
            #expect(try await gateway.ask("GET", "/api/v1/workflows/unknown/stopped").status == 404)
        }
    }

    @Test func `asks for another attempt, and is told if there is nothing to try`() async throws {
        try await TestGateway.with { gateway in
            let path = "/api/v1/workflows/silence/stopped"
            #expect(try await gateway.ask("POST", "\(path)/d1/retry", "{}").status == 202)
            let reply = try await gateway.ask("POST", "\(path)/d2/retry", "{}")
            #expect(reply.status == 404 && reply.isProblem)
        }
    }

    @Test func `must not be bound to one account`() async throws {
        try await TestGateway.with { gateway in
            let bound = try await gateway.token(for: "default")
            #expect(try await gateway.ask("GET", "/api/v1/workflows", token: bound).status == 403)
            let retry = "/api/v1/workflows/silence/stopped/d1/retry"
            #expect(try await gateway.ask("POST", retry, "{}", token: bound).status == 403)
            #expect(try await gateway.ask("GET", "/api/v1/workflows", token: "").status == 401)
        }
    }
}
