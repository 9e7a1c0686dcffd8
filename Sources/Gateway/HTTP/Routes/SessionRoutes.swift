import HTTPTypes
import Hummingbird
import Runtime

/// The browser's session: a token exchanged for a cookie, since `EventSource` cannot send a header.
struct SessionRoutes: Sendable {
    let authenticator: Authenticator
    let cookiesNeedTLS: Bool

    var all: [Route] {
        [
            .open(.post, "/api/v1/session", logIn),
            .guarded(.get, "/api/v1/session", needs: .useSession, read),
            .guarded(.delete, "/api/v1/session", needs: .useSession, logOut),
        ]
    }

    private func logIn(_ exchange: Exchange) async throws(Problem) -> Response {
        // A page elsewhere must not log a visitor in as somebody else. Programs send neither header.
        if exchange.header(.origin) != nil || exchange.header(.fetchSite) != nil { try SameOrigin.check(exchange) }
        var fields = try RequestFields(exchange)
        let token = try fields.text("token")
        try fields.finish(known: "token")
        let (caller, cookie) = try await authenticator.logIn(token: token, peer: exchange.peer)
        return try .json(
            SessionAnswer(caller), headers: [.setCookie: SessionCookie.setting(cookie, needsTLS: cookiesNeedTLS)])
    }

    private func read(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow()
        return try .json(SessionAnswer(caller))
    }

    private func logOut(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        authenticator.logOut(exchange)
        return Response(
            status: .noContent, headers: [.setCookie: SessionCookie.clearing(needsTLS: cookiesNeedTLS)])
    }
}

private struct SessionAnswer: Encodable {
    var name: String
    var role: String
    var account: String?

    init(_ caller: Caller) {
        name = caller.token.name
        role = caller.role.rawValue
        account = caller.token.account?.rawValue
    }
}
