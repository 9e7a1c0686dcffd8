import Aggregates
import HTTPTypes
import Hummingbird
import Projections
import Runtime

/// The fleet as a whole, and the parts of a dashboard; each within the accounts of the one who asks.
struct FleetRoutes: Sendable {
    let overview: FleetOverview
    let queries: any FleetQueries
    let past: PastQuestion

    var all: [Route] {
        [
            .guarded(.get, "/api/v1/fleet", needs: .readFleet, fleet),
            .guarded(.get, "/api/v1/dashboard/devices", needs: .readFleet, devices),
            .guarded(.get, "/api/v1/dashboard/metrics", needs: .readFleet, metrics),
            .guarded(.get, "/api/v1/dashboard/alerts", needs: .readFleet, shows: .alerts, alerts),
        ]
    }

    private func fleet(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try exchange.query.allow(["account"] + PastQuestion.parameters)
        guard let position = try await past.position(exchange.query) else {
            return try .json(FleetAnswer(try await presentCounts(exchange, caller).counts))
        }
        let scope = try caller.scope.narrowed(by: exchange.query["account"])
        let views = try await past.views(["devices", "alerts"], asOf: position)
        let counts: FleetOverview.Counts
        do throws(QueryError) {
            counts = FleetOverview.Counts(
                devices: try await views.fleetCounts(), traffic: try await views.recentTraffic(),
                alerts: try await views.alertCounts())
        } catch {
            throw Problem(error)
        }
        return try .json(FleetAnswer(counts.within(scope)), headers: .asOf(position))
    }

    private func devices(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        try .json(DevicesDashboard(try await counts(exchange, caller).counts.devices))
    }

    private func metrics(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        let counts = try await counts(exchange, caller).counts
        return try .json(MetricsDashboard(counts.devices, counts.traffic))
    }

    private func alerts(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        let (counts, scope) = try await counts(exchange, caller)
        let newest: [AlertRow]
        do throws(QueryError) {
            newest = try await queries.alerts(AlertFilter(state: .open), scope: scope, after: nil, limit: 10)
        } catch {
            throw Problem(error)
        }
        for account in Set(newest.map(\.account)) { exchange.shows(of: account) }
        return try .json(AlertsDashboard(counts.alerts, newest: newest))
    }

    private func counts(
        _ exchange: Exchange, _ caller: Caller
    ) async throws(Problem) -> (counts: FleetOverview.Counts, scope: AccountScope) {
        try exchange.query.allow("account")
        return try await presentCounts(exchange, caller)
    }

    private func presentCounts(
        _ exchange: Exchange, _ caller: Caller
    ) async throws(Problem) -> (counts: FleetOverview.Counts, scope: AccountScope) {
        let scope = try caller.scope.narrowed(by: exchange.query["account"])
        do throws(QueryError) {
            return (try await overview.counts().within(scope), scope)
        } catch {
            throw Problem(error)
        }
    }
}
