import Testing

@Suite(.timeLimit(.minutes(5))) struct `The page` {
    @Test func `is served with its files, and not sent again unchanged`() async throws {
        try await TestGateway.with { gateway in
            for path in [
                "/", "/page.css", "/app.js", "/api.js", "/fleet.js", "/view.js", "/alerts.js", "/rollouts.js",
                "/favicon.svg",
            ] {
                let reply = try await gateway.ask("GET", path, token: "")
                #expect(reply.status == 200 && !reply.body.isEmpty)
                let tag = try #require(reply.headers["etag"])
                #expect(try await gateway.ask("GET", path, ["If-None-Match": tag], token: "").status == 304)
            }
        }
    }
}
