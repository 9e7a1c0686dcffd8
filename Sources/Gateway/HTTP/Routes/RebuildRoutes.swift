import HTTPTypes
import Hummingbird
import Projections
import Runtime

/// Building views anew, and changing the roles of what was built.
struct RebuildRoutes: Sendable {
    let rebuilds: any Rebuilds

    var all: [Route] {
        let view = "/api/v1/projections/{name}"
        return [
            .guarded(
                .post, view + "/rebuild", needs: .manageViews, records: .viewRebuildRequested,
                with: ["only", "eventsPerSecond", "acceptLoss"], start),
            .guarded(.post, view + "/rebuild/pause", needs: .manageViews, records: .viewRebuildPauseRequested, pause),
            .guarded(
                .post, view + "/rebuild/resume", needs: .manageViews, records: .viewRebuildResumptionRequested, resume),
            .guarded(
                .post, view + "/rebuild/cancel", needs: .manageViews, records: .viewRebuildCancellationRequested, cancel
            ),
            .guarded(
                .post, view + "/swap-back", needs: .manageViews, records: .viewSwapBackRequested, with: ["acceptLoss"],
                swapBack),
            .guarded(.post, view + "/drop-previous", needs: .manageViews, records: .viewDropRequested, dropPrevious),
        ]
    }

    private func start(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow()
        var fields = try RequestFields(exchange, mayBeAbsent: true)
        let only = try fields.optionalText("only")
        let limit = try fields.optionalWholeNumber("eventsPerSecond")
        let acceptsLoss = try fields.optionalBool("acceptLoss") ?? false
        try fields.finish(known: "only, eventsPerSecond, acceptLoss")
        if let limit, !(1...10_000_000).contains(limit) {
            throw .malformed("eventsPerSecond", "eventsPerSecond must be a number from 1 to 10000000.")
        }
        let name = exchange.parameter("name")
        guard let only else {
            return try await answer(.accepted, caller) { () throws(RebuildError) in
                try await rebuilds.start(
                    name, eventLimit: limit, acceptingLoss: acceptsLoss, askedBy: caller.principal.description)
            }
        }
        let outcome: EntityRebuild.Outcome
        do throws(RebuildError) {
            outcome = try await rebuilds.rebuild(name, only: only)
        } catch {
            throw Problem(error)
        }
        return try .json(EntityRebuildAnswer(outcome))
    }

    private func pause(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow()
        return try await answer(.ok, caller) { () throws(RebuildError) in
            try await rebuilds.pause(exchange.parameter("name"))
        }
    }

    private func resume(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow()
        return try await answer(.ok, caller) { () throws(RebuildError) in
            try await rebuilds.resume(exchange.parameter("name"))
        }
    }

    private func cancel(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow()
        return try await answer(.ok, caller) { () throws(RebuildError) in
            try await rebuilds.cancel(exchange.parameter("name"))
        }
    }

    private func swapBack(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow()
        var fields = try RequestFields(exchange, mayBeAbsent: true)
        let acceptsLoss = try fields.optionalBool("acceptLoss") ?? false
        try fields.finish(known: "acceptLoss")
        return try await answer(.accepted, caller) { () throws(RebuildError) in
            try await rebuilds.swapBack(
                exchange.parameter("name"), acceptingLoss: acceptsLoss, askedBy: caller.principal.description)
        }
    }

    private func dropPrevious(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow()
        do throws(RebuildError) {
            try await rebuilds.dropPrevious(exchange.parameter("name"))
        } catch {
            throw Problem(error)
        }
        return Response(status: .accepted)
    }

    private func answer(
        _ status: HTTPResponse.Status, _ caller: Caller, _ body: () async throws(RebuildError) -> Rebuild
    ) async throws(Problem) -> Response {
        let rebuild: Rebuild
        do throws(RebuildError) {
            rebuild = try await body()
        } catch {
            throw Problem(error)
        }
        return try .json(RebuildAnswer(rebuild, for: caller), status: status)
    }
}

private struct EntityRebuildAnswer: Encodable {
    var id: String
    var position: Int64
    var events: Int64
    var rows: Int64
    var identical: Bool
    var differingRows: Int64
    var sample: [RowDifferenceAnswer]

    init(_ outcome: EntityRebuild.Outcome) {
        id = outcome.id
        position = outcome.position
        events = outcome.events
        rows = outcome.rows
        identical = outcome.differingRows == 0
        differingRows = outcome.differingRows
        sample = outcome.sample.map { RowDifferenceAnswer($0) }
    }
}
