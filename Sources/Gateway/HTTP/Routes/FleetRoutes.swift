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
        let found = try await counted(exchange, caller, by: Set(FleetOverview.views))
        return try .json(FleetAnswer(found.counts), headers: found.headers)
    }

    private func devices(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        let found = try await counted(exchange, caller, by: ["devices"])
        return try .json(DevicesDashboard(found.counts.devices), headers: found.headers)
    }

    private func metrics(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        let found = try await counted(exchange, caller, by: ["devices"])
        return try .json(MetricsDashboard(found.counts.devices, found.counts.traffic), headers: found.headers)
    }

    private func alerts(_ exchange: Exchange, _ caller: Caller) async throws(Problem) -> Response {
        let found = try await counted(exchange, caller, by: ["alerts"])
        let newest: [AlertRow]
        do throws(QueryError) {
            newest = try await found.views.alerts(AlertFilter(state: .open), scope: found.scope, after: nil, limit: 10)
        } catch {
            throw Problem(error)
        }
        for account in Set(newest.map(\.account)) { exchange.shows(of: account) }
        return try .json(AlertsDashboard(found.counts.alerts, newest: newest), headers: found.headers)
    }

    /// Counts of the present or of a past, and the views that they are of.
    private struct Counted {
        var counts: FleetOverview.Counts
        var scope: AccountScope
        var views: any FleetQueries
        var headers: HTTPFields = [:]
    }

    /// - Parameter names: the views that the answer is made of; of a past, only they are folded and counted.
    private func counted(
        _ exchange: Exchange, _ caller: Caller, by names: Set<String>
    ) async throws(Problem) -> Counted {
        try exchange.query.allow(["account"] + PastQuestion.parameters)
        let scope = try caller.scope.narrowed(by: exchange.query["account"])
        guard let position = try await past.position(exchange.query) else {
            do throws(QueryError) {
                let counts = try await overview.counts(by: names, through: exchange.awaitedPosition)
                return Counted(counts: counts.within(scope), scope: scope, views: queries)
            } catch {
                throw Problem(error)
            }
        }
        let views = try await past.views(names.sorted(), asOf: position)
        var counts = FleetOverview.Counts(devices: [], traffic: [], alerts: [])
        do throws(QueryError) {
            if names.contains("devices") {
                counts.devices = try await views.fleetCounts()
                counts.traffic = try await views.recentTraffic()
            }
            if names.contains("alerts") { counts.alerts = try await views.alertCounts() }
        } catch {
            throw Problem(error)
        }
        return Counted(counts: counts.within(scope), scope: scope, views: views, headers: .asOf(position))
    }
}
