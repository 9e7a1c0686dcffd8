import Hummingbird

/// Answers where no route leads.
struct FallbackResponder: RouterMiddleware {
    typealias Context = GatewayContext

    let pipeline: RequestPipeline
    let routes: [Route]

    @concurrent func handle(
        _ request: Request, context: GatewayContext,
        next: @concurrent (Request, GatewayContext) async throws -> Response
    ) async throws -> Response {
        // Routes answer their own problems; whatever is thrown here is the router's "not found".
        do {
            return try await next(request, context)
        } catch {
            return pipeline.respond(to: request, among: routes, context)
        }
    }
}
