import HTTPTypes
import Hummingbird
import Projections

/// How the views are doing.
struct ProjectionRoutes: Sendable {
    let queries: any FleetQueries

    var all: [Route] {
        [
            .guarded(.get, "/api/v1/projections", needs: .readFleet, list),
            .guarded(.get, "/api/v1/projections/{name}", needs: .readFleet, read),
        ]
    }

    private func list(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow()
        let statuses = try await statuses()
        return try .json(ListAnswer(items: statuses.map { ProjectionAnswer($0) }, next: nil))
    }

    private func read(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow()
        let name = exchange.parameter("name")
        guard let status = try await statuses().first(where: { $0.name == name }) else {
            throw .notFound("There is no projection with this name.")
        }
        return try .json(ProjectionAnswer(status))
    }

    private func statuses() async throws(Problem) -> [ProjectionStatus] {
        do throws(QueryError) {
            return try await queries.projections()
        } catch {
            throw Problem(error)
        }
    }
}

private struct ProjectionAnswer: Encodable {
    var name: String
    var state: String
    var position: Int64
    var tether: Tether
    var failure: String?

    struct Tether: Encodable {
        var events: Int64
        var seconds: Double
    }

    init(_ status: ProjectionStatus) {
        name = status.name
        state = status.state.rawValue
        position = status.position
        tether = Tether(events: status.tether.events, seconds: status.tether.seconds)
        failure = status.failure
    }
}

extension FleetQueries {
    /// How far the named view has come, for an answer that was read from it.
    func positionHeader(of name: String) async throws(QueryError) -> HTTPFields {
        guard let status = try await projections().first(where: { $0.name == name }) else { return [:] }
        return [.position: "\(status.position)"]
    }
}
