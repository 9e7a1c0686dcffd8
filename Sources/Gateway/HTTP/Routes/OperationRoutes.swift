import HTTPTypes
import Hummingbird

/// What watches the server: health, readiness, metrics, and the description of the interface.
struct OperationRoutes: Sendable {
    let readiness: any ReadinessCheck
    let metrics: MetricsPage
    let metricsAreOpen: Bool

    var all: [Route] {
        [
            .open(.get, "/healthz", health), .open(.get, "/readyz", ready), .open(.get, "/metrics", metrics),
            .open(.get, "/openapi.json", description),
        ]
    }

    private func health(_ exchange: Exchange) async throws(Problem) -> Response {
        try .json(["status": "ok"])
    }

    private func ready(_ exchange: Exchange) async throws(Problem) -> Response {
        let reasons = await readiness.reasonsAgainst()
        if reasons.isEmpty { return try .json(["status": "ready"]) }
        var problem = Problem.unavailable(
            "The server cannot do all of its work.", retryAfter: 5, cause: reasons.joined(separator: " "))
        problem.kind = "not-ready"
        problem.reasons = reasons
        // Asked every few seconds: an answer, not an incident for the log.
        var response = problem.response
        response.headers[.cacheControl] = "no-store"
        return response
    }

    private func metrics(_ exchange: Exchange) async throws(Problem) -> Response {
        // A proxy on this machine speaks for others.
        let isForwarded = HTTPField.Name("X-Forwarded-For").flatMap { exchange.header($0) } != nil
        guard metricsAreOpen || (exchange.peer.isLoopback && !isForwarded) else { throw .forbidden }
        return .bytes(await metrics.render(), type: "text/plain; version=0.0.4; charset=utf-8")
    }

    private func description(_ exchange: Exchange) async throws(Problem) -> Response {
        .bytes(PackageResources.openapi_json, headers: [.cacheControl: "no-cache"])
    }
}
