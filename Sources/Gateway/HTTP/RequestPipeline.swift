import HTTPTypes
import Hummingbird
import Logging
import Metrics
import Runtime

/// The way of each request: who asks, may they, what do they send, the work, and an answer whatever happens.
struct RequestPipeline: Sendable {
    let configuration: HTTPConfiguration
    let authenticator: Authenticator
    let devices: DeviceAuthenticator
    let views: ViewWait
    let accountability: Accountability
    let metrics: any MetricsFactory
    let logger: Logger

    func respond(to request: Request, by route: Route, _ context: GatewayContext) async -> Response {
        let start = ContinuousClock.now
        var response: Response
        do throws(Problem) {
            response = try await answer(request, route, context)
        } catch {
            response = self.response(to: error, context)
        }
        response.headers.addSecurity()
        count(request, route.path, response.status, start)
        return response
    }

    /// The answer where no route leads.
    func respond(to request: Request, among routes: [Route], _ context: GatewayContext) -> Response {
        let start = ContinuousClock.now
        let allowed = routes.filter { $0.matches(request.uri.path) }.map(\.method)
        var response = self.response(
            to: allowed.isEmpty
                ? .notFound("There is nothing at this path; /openapi.json lists all paths.")
                : .methodNotAllowed(allowed + (allowed.contains(.get) ? [.head] : [])), context)
        response.headers.addSecurity()
        count(request, "none", response.status, start)
        return response
    }

    private func answer(
        _ request: Request, _ route: Route, _ context: GatewayContext
    ) async throws(Problem) -> Response {
        switch route.access {
        case .open(let work):
            let exchange = try await exchange(request, route, context)
            return try await withDeadline(configuration.requestTimeout) { () throws(Problem) in
                try await work(exchange)
            }
        case .device(let bodyLimit, let work):
            let claim = try devices.claim(of: head(request, route, context, body: []))
            var device: ProvenDevice?
            if let named = claim.device { device = try await devices.prove(claim, is: named) }
            let exchange = try await exchange(request, route, context, atMost: bodyLimit)
            let proven = device
            return try await withDeadline(configuration.requestTimeout) { () throws(Problem) in
                try await work(exchange, claim, proven)
            }
        case .guarded(let permission, let work):
            // Before the body is read: strangers may not fill memory.
            let caller = try await authenticator.caller(of: head(request, route, context, body: []))
            guard permission.isGranted(to: caller) else { throw .forbidden }
            var ready = try await exchange(request, route, context)
            if caller.usesCookie { try SameOrigin.check(ready) }
            try await views.wait(for: &ready, by: route)
            let exchange = ready
            return try await withDeadline(configuration.requestTimeout) { () throws(Problem) in
                try await accountability.answer(exchange, caller, by: route, work)
            }
        }
    }

    private func exchange(
        _ request: Request, _ route: Route, _ context: GatewayContext, atMost limit: Int = .max
    ) async throws(Problem) -> Exchange {
        let body = try await request.wholeBody(
            atMost: min(limit, configuration.largestBody), within: configuration.bodyTimeout)
        return try head(request, route, context, body: body)
    }

    private func head(
        _ request: Request, _ route: Route, _ context: GatewayContext, body: [UInt8]
    ) throws(Problem) -> Exchange {
        var parameters: [String: String] = [:]
        for segment in route.segments where segment.hasPrefix("{") {
            let name = String(segment.dropFirst().dropLast())
            parameters[name] = context.parameters.get(name)
        }
        return Exchange(
            request: request, parameters: parameters, query: try QueryParameters(request.uri.query), body: body,
            peer: Peer(context.channel.remoteAddress), connection: context.channel, correlationID: .v7(), time: .now(),
            shown: ShownData())
    }

    private func response(to problem: Problem, _ context: GatewayContext) -> Response {
        if problem.headers[.connection] == "close" { context.channel.closeSoon() }
        if problem.status.code >= 500 {
            logger.warning(
                "A request cannot be answered",
                metadata: ["problem": "\(problem.kind)", "cause": "\(problem.cause ?? problem.detail)"])
        }
        return problem.response
    }

    private func count(
        _ request: Request, _ path: String, _ status: HTTPResponse.Status, _ start: ContinuousClock.Instant
    ) {
        // A method is the caller's text: only the known ones become a label.
        let method = Self.methods.contains(request.method) ? request.method.rawValue : "other"
        Counter(
            label: "http_requests_total",
            dimensions: [("method", method), ("path", path), ("status", "\(status.code)")], factory: metrics
        ).increment()
        Timer(label: "http_request_duration_seconds", dimensions: [("path", path)], factory: metrics)
            .recordNanoseconds(Int64((ContinuousClock.now - start) / .nanoseconds(1)))
    }

    private static let methods: Set<HTTPRequest.Method> = [.get, .head, .post, .put, .patch, .delete, .options]
}
