import Aggregates
import HTTPTypes
import Hummingbird
import Projections
import Runtime

/// Alerts: list, read, acknowledge. Raising and clearing them is the workflows' business.
struct AlertRoutes: Sendable {
    let store: any EventStore
    let alerts: Directory<Alert>
    let queries: any FleetQueries
    let past: PastQuestion

    var all: [Route] {
        [
            .guarded(.get, "/api/v1/alerts", needs: .readFleet, shows: .alerts, list),
            .guarded(.get, "/api/v1/alerts/{id}", needs: .readFleet, shows: .alerts, read),
            .guarded(.post, "/api/v1/alerts/{id}/acknowledge", needs: .acknowledgeAlerts, acknowledge),
        ]
    }

    private func list(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow(["state", "device", "account", "sort", "after", "limit"] + PastQuestion.parameters)
        let filter = AlertFilter(state: try Self.state(exchange.query["state"]), device: exchange.query["device"])
        let scope = try caller.scope.narrowed(by: exchange.query["account"])
        let order = try Self.order(exchange.query["sort"], filter)
        let (after, limit) = (try order.place(exchange.query["after"]), try exchange.query.limit())
        let position = try await past.position(exchange.query)
        let views: any FleetQueries =
            if let position { try await past.views(["alerts"], asOf: position) } else { queries }
        let found: [AlertRow]
        do throws(QueryError) {
            found = try await views.alerts(filter, by: order, scope: scope, after: after, limit: limit + 1)
        } catch {
            throw Problem(error)
        }
        let rows = found.prefix(limit)
        for account in Set(rows.map(\.account)) { exchange.shows(of: account) }
        let next = found.count > limit ? rows.last.map { order.cursor($0.place) } : nil
        return try .json(
            ListAnswer(items: rows.map { AlertAnswer($0) }, next: next),
            headers: exchange.positionHeader(asOf: position))
    }

    private static func state(_ text: String?) throws(Problem) -> Alert.Status? {
        guard let text else { return nil }
        guard let state = Alert.Status(rawValue: text), state != .unraised else {
            throw .malformed("state", "state must be open, acknowledged or cleared.")
        }
        return state
    }

    private static func order(_ text: String?, _ filter: AlertFilter) throws(Problem) -> AlertOrder {
        switch text {
        case nil, "-raised": return .newestFirst
        case "-severity" where filter.state == .open: return .gravestFirst
        case "-severity": throw .malformed("sort", "Only open alerts are sorted by severity: give state=open too.")
        default: throw .malformed("sort", "sort must be -raised or -severity.")
        }
    }

    private func read(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow(PastQuestion.parametersOfOne)
        if let point = try await past.point(exchange.query) { return try await readPast(exchange, caller, point) }
        let row = try await row(exchange.parameter("id"), scope: caller.scope)
        exchange.shows("\(Alert.category)-\(row.id)", of: row.account)
        let tag = EntityTag(version: row.version)
        var headers: HTTPFields = [.eTag: tag.description]
        if tag.isHeld(by: exchange) { return Response(status: .notModified, headers: headers) }
        headers.append(contentsOf: exchange.positionHeader())
        return try .json(AlertAnswer(row), headers: headers)
    }

    private func readPast(
        _ exchange: Exchange, _ caller: Caller, _ point: PointInTime
    ) async throws(Problem) -> Response {
        let id = exchange.parameter("id")
        let memory = try await alerts.past(id, at: point, for: caller, missing: .noAlert)
        let row = try await folded(id, upTo: memory.version, scope: caller.scope)
        exchange.shows("\(Alert.category)-\(row.id)", of: row.account)
        return try memory.answer(AlertAnswer(row), to: exchange)
    }

    private func acknowledge(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        let id = exchange.parameter("id")
        let key = try IdempotencyKey(exchange, caller)
        let expected = try EntityTag.expected(by: exchange)
        var fields = try RequestFields(exchange, mayBeAbsent: true)
        let note = try fields.optionalText("note") ?? ""
        try fields.finish(known: "note")
        // An id that nobody has raised must not wake an actor.
        _ = try await folded(id, scope: caller.scope)
        let receipt: CommandReceipt
        do throws(DispatchError<Alert.Rejection>) {
            receipt = try await alerts.send(
                CommandEnvelope(
                    id: key?.commandID ?? .v7(), .acknowledge(note: note), context: exchange.context(for: caller),
                    expectedVersion: expected, fingerprint: key?.fingerprint), to: id)
        } catch {
            throw Problem(error)
        }
        let row = try await folded(id, upTo: receipt.version, scope: caller.scope)
        return try .json(AlertAnswer(row), headers: .after(receipt))
    }

    /// The view's row; for an alert so new that the view does not know it, the one with which the view will begin.
    private func row(_ id: String, scope: AccountScope) async throws(Problem) -> AlertRow {
        do throws(QueryError) {
            if let row = try await queries.alert(id, scope: scope) { return row }
        } catch {
            throw Problem(error)
        }
        guard StreamName("alert-\(id)") != nil,
            let row = try await store.firstRow(of: AlertsProjection.self, id, missing: .noAlert),
            scope.includes(row.account)
        else { throw .noAlert }
        return row
    }

    /// The alert as the log has it, which is three events at most.
    private func folded(
        _ id: String, upTo version: Int64 = .max, scope: AccountScope
    ) async throws(Problem) -> AlertRow {
        guard let stream = StreamName("alert-\(id)") else { throw .noAlert }
        let events: [RecordedEvent]
        do throws(EventStoreError) {
            events = try await store.readStream(stream, from: 1, limit: 10)
        } catch {
            throw Problem(error)
        }
        var row: AlertRow?
        do throws(EventCodecError) {
            for event in events where event.version <= version { try AlertsProjection.evolve(&row, with: event) }
        } catch {
            throw .internalFailure(cause: String(describing: error))
        }
        guard let row, scope.includes(row.account) else { throw .noAlert }
        return row
    }
}

/// The opaque cursors of the lists of alerts, one for each order.
extension AlertOrder {
    private var list: String {
        switch self {
        case .newestFirst: "alerts"
        case .gravestFirst: "alerts by severity"
        }
    }

    fileprivate func cursor(_ place: AlertPlace) -> String {
        ListCursor.encode("\(place.severity.rawValue) \(place.raisedTime.microseconds) \(place.id)", of: list)
    }

    fileprivate func place(_ text: String?) throws(Problem) -> AlertPlace? {
        guard let plain = try ListCursor.decode(text, of: list) else { return nil }
        let parts = plain.split(separator: " ", maxSplits: 2)
        guard parts.count == 3, let severity = Severity(rawValue: String(parts[0])), let microseconds = Int64(parts[1])
        else { throw .malformed("after", "after must be what an earlier answer gave as next.") }
        return AlertPlace(
            severity: severity, raisedTime: Timestamp(microseconds: microseconds), id: String(parts[2]))
    }
}
