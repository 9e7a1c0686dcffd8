import Gateway
import Testing

@Suite(.timeLimit(.minutes(5))) struct `The page` {
    @Test func `is served with all files that it names, and not sent again unchanged`() async throws {
        try await TestGateway.with { gateway in
            var (waiting, known) = (["/"], Set<String>())
            while let path = waiting.popLast() {
                guard known.insert(path).inserted else { continue }
                let reply = try await gateway.ask("GET", path, token: "")
                #expect(reply.status == 200 && !reply.body.isEmpty, "\(path)")
                let tag = try #require(reply.headers["etag"])
                #expect(try await gateway.ask("GET", path, ["If-None-Match": tag], token: "").status == 304)
                waiting += reply.body.matches(of: /(?:href=|src=|from )"\.?(\/[a-z]+\.[a-z]+)"/).map { String($0.1) }
            }
            #expect(
                known.isSuperset(of: ["/page.css", "/favicon.svg", "/app.js", "/view.js", "/chart.js"]), "\(known)")
            let served = gateway.gateway.routes.map(\.path).filter { $0.hasSuffix(".js") || $0.hasSuffix(".css") }
            #expect(known.isSuperset(of: served), "nothing is served that the page does not use")
        }
    }
}
