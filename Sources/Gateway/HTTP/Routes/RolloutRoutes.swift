import Aggregates
import HTTPTypes
import Hummingbird
import Projections
import Runtime

/// Rollouts: list, read, follow device by device, create, pause, resume, abort.
struct RolloutRoutes: Sendable {
    let store: any EventStore
    let rollouts: Directory<Rollout>
    let queries: any FleetQueries & RolloutQueries
    let past: PastQuestion

    var all: [Route] {
        [
            .guarded(.get, "/api/v1/rollouts", needs: .readFleet, list),
            .guarded(.post, "/api/v1/rollouts", needs: .manageRollouts, create),
            .guarded(.get, "/api/v1/rollouts/{id}", needs: .readFleet, read),
            .guarded(.get, "/api/v1/rollouts/{id}/devices", needs: .readFleet, devices),
            action("pause") { .pause(reason: $0) }, action("resume") { _ in .resume },
            action("abort") { .abort(reason: $0) },
        ]
    }

    private func list(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow(["after", "limit", "account", "state"] + PastQuestion.parameters)
        let scope = try caller.scope.narrowed(by: exchange.query["account"])
        let state: Rollout.Status? = try exchange.query.oneOf("state", not: .uncreated)
        let (after, limit) = (
            try ListCursor.decode(exchange.query["after"], of: "rollouts"), try exchange.query.limit()
        )
        let position = try await past.position(exchange.query)
        let views: any RolloutQueries =
            if let position { try await past.views(["rollouts"], asOf: position) } else { queries }
        let found: [RolloutRow]
        do throws(QueryError) {
            found = try await views.rollouts(scope: scope, state: state, after: after, limit: limit + 1)
        } catch {
            throw Problem(error)
        }
        let rows = found.prefix(limit)
        let next = found.count > limit ? rows.last.map { ListCursor.encode($0.id, of: "rollouts") } : nil
        return try .json(
            ListAnswer(items: rows.map { RolloutAnswer($0) }, next: next),
            headers: exchange.positionHeader(asOf: position))
    }

    private func read(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow(PastQuestion.parametersOfOne)
        if let point = try await past.point(exchange.query) { return try await readPast(exchange, caller, point) }
        let row = try await row(exchange.parameter("id"), scope: caller.scope)
        let tag = EntityTag(version: row.version)
        var headers: HTTPFields = [.eTag: tag.description]
        if tag.isHeld(by: exchange) { return Response(status: .notModified, headers: headers) }
        headers.append(contentsOf: exchange.positionHeader())
        return try .json(RolloutAnswer(row), headers: headers)
    }

    private func readPast(
        _ exchange: Exchange, _ caller: Caller, _ point: PointInTime
    ) async throws(Problem) -> Response {
        let id = exchange.parameter("id")
        let memory = try await rollouts.past(id, at: point, for: caller, missing: .noRollout)
        return try memory.answer(try await answer(id, memory), to: exchange)
    }

    private func answer(_ id: String, _ memory: AggregateMemory<Rollout>) async throws(Problem) -> RolloutAnswer {
        // What the state does not hold of the plan is in the first event.
        try RolloutAnswer(memory, first: try await store.firstEvent(of: Rollout.category, id, missing: .noRollout))
    }

    private func devices(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow(["after", "limit", "state"] + PastQuestion.parameters)
        let state: InstallationState? = try exchange.query.oneOf("state")
        let (after, limit) = (
            try ListCursor.decode(exchange.query["after"], of: "rollout-devices"), try exchange.query.limit()
        )
        let id = exchange.parameter("id")
        let position = try await past.position(exchange.query)
        let groupSize: Int
        let views: any RolloutQueries
        if let position {
            // Nothing is folded for whoever may not know of it.
            let memory = try await rollouts.past(id, at: .position(position), for: caller, missing: .noRollout)
            groupSize = try await answer(id, memory).groupSize
            let stream = StreamName(category: Rollout.category, id: id)
            views = try await past.views(["rollout-devices"], of: stream, asOf: position)
        } else {
            groupSize = try await row(id, scope: caller.scope).groupSize
            views = queries
        }
        let found: [RolloutDeviceRow]
        do throws(QueryError) {
            found = try await views.devices(ofRollout: id, state: state, after: after, limit: limit + 1)
        } catch {
            throw Problem(error)
        }
        let rows = found.prefix(limit)
        let next = found.count > limit ? rows.last.map { ListCursor.encode($0.device, of: "rollout-devices") } : nil
        return try .json(
            ListAnswer(items: rows.map { RolloutDeviceAnswer($0, groupSize: groupSize) }, next: next),
            headers: exchange.positionHeader(asOf: position))
    }

    private func action(_ name: String, _ command: @escaping @Sendable (String) -> Rollout.Command) -> Route {
        .guarded(.post, "/api/v1/rollouts/{id}/\(name)", needs: .manageRollouts) {
            exchange, caller throws(Problem) in
            let id = exchange.parameter("id")
            let key = try IdempotencyKey(exchange, caller)
            let expected = try EntityTag.expected(by: exchange)
            var fields = try RequestFields(exchange, mayBeAbsent: true)
            let reason = try fields.optionalText("reason") ?? ""
            try fields.finish(known: "reason")
            _ = try await memory(of: id, caller.scope)
            let receipt = try await send(
                CommandEnvelope(
                    id: key?.commandID ?? .v7(), command(reason), context: exchange.context(for: caller),
                    expectedVersion: expected, fingerprint: key?.fingerprint), to: id)
            return try await answer(id, after: receipt)
        }
    }
}

extension RolloutRoutes {
    func send(_ envelope: CommandEnvelope<Rollout.Command>, to id: String) async throws(Problem) -> CommandReceipt {
        do throws(DispatchError<Rollout.Rejection>) {
            return try await rollouts.send(envelope, to: id)
        } catch {
            throw Problem(error)
        }
    }

    /// The rollout as a command has left it.
    func answer(
        _ id: String, after receipt: CommandReceipt, status: HTTPResponse.Status = .ok
    ) async throws(Problem) -> Response {
        let memory = try await rollouts.recall(id, after: receipt)
        var headers = HTTPFields.after(receipt)
        if status == .created { headers[.location] = "/api/v1/rollouts/\(id)" }
        return try .json(try await answer(id, memory), status: status, headers: headers)
    }

    /// The aggregate's memory, if it is a rollout that the caller may know of.
    private func memory(
        of id: String, _ scope: AccountScope
    ) async throws(Problem) -> AggregateMemory<Rollout> {
        // An id that cannot exist must not wake an actor.
        guard StreamName("rollout-\(id)") != nil else { throw .noRollout }
        do throws(DispatchError<Rollout.Rejection>) {
            let memory = try await rollouts.recall(id)
            if memory.state.status != .uncreated, scope.includes(memory.state.account) { return memory }
        } catch {
            throw Problem(error)
        }
        throw .noRollout
    }

    /// The view's row; for a rollout so new that the view does not know it, the one with which the view will begin.
    private func row(_ id: String, scope: AccountScope) async throws(Problem) -> RolloutRow {
        guard StreamName("rollout-\(id)") != nil else { throw .noRollout }
        do throws(QueryError) {
            if let row = try await queries.rollout(id, scope: scope) { return row }
        } catch {
            throw Problem(error)
        }
        let row = try await store.firstRow(of: RolloutsProjection.self, id, missing: .noRollout)
        guard let row, scope.includes(row.account) else { throw .noRollout }
        return row
    }
}

extension QueryParameters {
    /// A parameter that is one of the names of a type, or absent.
    fileprivate func oneOf<Name: RawRepresentable<String> & CaseIterable & Equatable>(
        _ parameter: String, not hidden: Name? = nil
    ) throws(Problem) -> Name? {
        guard let text = self[parameter] else { return nil }
        if let name = Name(rawValue: text), name != hidden { return name }
        let names = Name.allCases.filter { $0 != hidden }.map(\.rawValue).joined(separator: ", ")
        throw .malformed(parameter, "\(parameter) must be one of: \(names).")
    }
}
