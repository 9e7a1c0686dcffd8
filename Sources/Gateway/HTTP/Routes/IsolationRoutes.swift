import HTTPTypes
import Hummingbird
import Runtime

/// Streams that this server cannot read, and another attempt at one of them.
struct IsolationRoutes: Sendable {
    let supervised: [any StreamSupervision]

    var all: [Route] {
        [
            .guarded(.get, "/api/v1/isolated-streams", needs: .manageStreams, list),
            .guarded(
                .post, "/api/v1/isolated-streams/{stream}/restart", needs: .manageStreams,
                records: .streamRestartRequested,
                restart),
        ]
    }

    private func list(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow("limit")
        let (limit, now) = (try exchange.query.limit(), Timestamp.now())
        let streams = supervised.flatMap { $0.isolatedStreams(at: now) }.prefix(limit)
        return try .json(ListAnswer(items: streams.map { IsolatedAnswer($0) }, next: nil))
    }

    private func restart(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow()
        guard let stream = StreamName(exchange.parameter("stream")),
            let directory = supervised.first(where: { $0.category == stream.category }),
            await directory.restart(stream.id)
        else { throw .noIsolatedStream }
        return Response(status: .accepted)
    }
}

private struct IsolatedAnswer: Encodable {
    var stream: String
    var reason: String
    var since: String
    var retry: String

    init(_ isolated: IsolatedStream) {
        stream = isolated.stream.description
        reason = isolated.reason
        since = isolated.since.description
        retry = isolated.retry.description
    }
}
