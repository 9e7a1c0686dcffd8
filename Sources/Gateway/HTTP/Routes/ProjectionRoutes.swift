import HTTPTypes
import Hummingbird
import Projections
import Runtime

/// How the views are doing.
struct ProjectionRoutes: Sendable {
    let queries: any FleetQueries
    let rebuilds: any Rebuilds
    let control: any ProjectionControl
    let progress: ViewProgress
    /// How many stuck entities are listed.
    private static let listed = 100

    var all: [Route] {
        [
            .guarded(.get, "/api/v1/projections", needs: .readFleet, list),
            .guarded(.get, "/api/v1/projections/{name}", needs: .readFleet, shows: .devices, read),
            .guarded(
                .post, "/api/v1/projections/{name}/pause", needs: .manageViews, records: .viewPauseRequested,
                with: ["reason"], pause),
            .guarded(
                .post, "/api/v1/projections/{name}/resume", needs: .manageViews, records: .viewResumptionRequested,
                with: ["entity"], resume),
        ]
    }

    private func list(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow()
        var answers = try await answers(for: caller)
        for index in answers.indices { answers[index].rebuild?.comparison?.sample = nil }
        return try .json(ListAnswer(items: answers, next: nil))
    }

    private func read(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow()
        let name = exchange.parameter("name")
        guard var answer = try await answers(for: caller).first(where: { $0.name == name }) else {
            throw Problem(RebuildError.unknownProjection)
        }
        // Of all accounts: for those only who may see them all.
        if answer.stuckCount > 0, caller.scope == .all {
            do throws(RebuildError) {
                answer.stuck = try await control.stuck(name, limit: Self.listed).map { StuckAnswer($0) }
            } catch {
                throw Problem(error)
            }
        }
        for row in answer.rebuild?.comparison?.sample ?? [] { exchange.shows(of: row.account ?? .installation) }
        return try .json(answer)
    }

    private func pause(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow()
        var fields = try RequestFields(exchange, mayBeAbsent: true)
        let reason = try fields.optionalText("reason") ?? "paused by an operator"
        try fields.finish(known: "reason")
        guard (1...500).contains(reason.utf8.count) else {
            throw .malformed("reason", "reason must be a text of 1 to 500 bytes.")
        }
        do throws(RebuildError) {
            try await control.pause(exchange.parameter("name"), reason: reason, by: caller.principal.description)
        } catch {
            throw Problem(error)
        }
        return try await read(exchange, caller)
    }

    private func resume(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow()
        var fields = try RequestFields(exchange, mayBeAbsent: true)
        let entity = try fields.optionalText("entity")
        try fields.finish(known: "entity")
        let outcome: Resumption
        do throws(RebuildError) {
            outcome = try await control.resume(exchange.parameter("name"), entity: entity)
        } catch {
            throw Problem(error)
        }
        return try .json(
            ResumptionAnswer(
                resumed: outcome.resumed, stuckCount: outcome.stuck.count,
                stuck: outcome.stuck.prefix(Self.listed).map { StuckAnswer($0) }))
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
            ProjectionAnswer(
                status, work.first { $0.name == status.name }, rate: progress.rate(of: status.name), for: caller)
        }
    }
}

private struct ResumptionAnswer: Encodable {
    var resumed: Int
    var stuckCount: Int
    var stuck: [StuckAnswer]
}

private struct StuckAnswer: Encodable {
    var entity: String
    var position: Int64
    var version: Int64
    var type: String
    var reason: String
    var since: String?

    init(_ stuck: StuckEntity) {
        entity = stuck.id
        position = stuck.position
        version = stuck.version
        type = stuck.type
        reason = stuck.reason
        since = stuck.since?.description
    }
}

private struct ProjectionAnswer: Encodable {
    var name: String
    var state: String
    var position: Int64
    var tether: Tether
    /// Positions a second.
    var rate: Double
    var content: Content?
    var failure: String?
    var stuckCount: Int64
    var stuck: [StuckAnswer]?
    var generations: [Generation]
    var rebuild: RebuildAnswer?

    struct Tether: Encodable {
        var events: Int64
        var seconds: Double
    }

    struct Content: Encodable {
        var rows: Int64
        var digest: String
        var position: Int64
        var time: String
    }

    struct Generation: Encodable {
        var number: Int32
        var role: String
        var position: Int64
        var definition: Int32
    }

    init(_ status: ProjectionStatus, _ work: RebuildStatus?, rate: Double, for caller: Caller) {
        name = status.name
        state = status.state.rawValue
        position = status.position
        tether = Tether(events: status.tether.events, seconds: status.tether.seconds)
        failure = status.failure
        stuckCount = status.stuckCount
        self.rate = rate
        content = status.content.map {
            Content(rows: $0.rowCount, digest: $0.digest, position: $0.position, time: $0.countedTime.description)
        }
        generations = (work?.generations ?? []).map {
            Generation(number: $0.number, role: $0.role.rawValue, position: $0.position, definition: $0.definition)
        }
        rebuild = work?.rebuild.map { RebuildAnswer($0, for: caller) }
    }
}
