import HTTPTypes
import Hummingbird
import Projections

/// How the views are doing.
struct ProjectionRoutes: Sendable {
    let queries: any FleetQueries
    let rebuilds: any Rebuilds

    var all: [Route] {
        [
            .guarded(.get, "/api/v1/projections", needs: .readFleet, list),
            .guarded(.get, "/api/v1/projections/{name}", needs: .readFleet, read),
        ]
    }

    private func list(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow()
        return try .json(ListAnswer(items: try await answers(for: caller), next: nil))
    }

    private func read(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow()
        let name = exchange.parameter("name")
        guard let answer = try await answers(for: caller).first(where: { $0.name == name }) else {
            throw Problem(RebuildError.unknownProjection)
        }
        return try .json(answer)
    }

    private func answers(for caller: Caller) async throws(Problem) -> [ProjectionAnswer] {
        let statuses: [ProjectionStatus]
        do throws(QueryError) {
            statuses = try await queries.projections()
        } catch {
            throw Problem(error)
        }
        let work: [RebuildStatus]
        do throws(RebuildError) {
            work = try await rebuilds.statuses()
        } catch {
            throw Problem(error)
        }
        return statuses.map { status in
            ProjectionAnswer(status, work.first { $0.name == status.name }, for: caller)
        }
    }
}

private struct ProjectionAnswer: Encodable {
    var name: String
    var state: String
    var position: Int64
    var tether: Tether
    var failure: String?
    var generations: [Generation]
    var rebuild: RebuildAnswer?

    struct Tether: Encodable {
        var events: Int64
        var seconds: Double
    }

    struct Generation: Encodable {
        var number: Int32
        var role: String
        var position: Int64
        var definition: Int32
    }

    init(_ status: ProjectionStatus, _ work: RebuildStatus?, for caller: Caller) {
        name = status.name
        state = status.state.rawValue
        position = status.position
        tether = Tether(events: status.tether.events, seconds: status.tether.seconds)
        failure = status.failure
        generations = (work?.generations ?? []).map {
            Generation(number: $0.number, role: $0.role.rawValue, position: $0.position, definition: $0.definition)
        }
        rebuild = work?.rebuild.map { RebuildAnswer($0, for: caller) }
    }
}

extension FleetQueries {
    /// How far the named view has come, for an answer that was read from it.
    func positionHeader(of name: String) async throws(QueryError) -> HTTPFields {
        guard let status = try await projections().first(where: { $0.name == name }) else { return [:] }
        return [.position: "\(status.position)"]
    }
}
