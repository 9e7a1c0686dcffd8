package import Aggregates
package import Runtime

/// The questions that the view `alerts` answers; each only within the scope of the one who asks.
package protocol AlertQueries: Sendable {
    /// Alerts that pass the filter, newest first, after `place` if given.
    func alerts(
        _ filter: AlertFilter, scope: AccountScope, after place: AlertPlace?, limit: Int
    ) async throws(QueryError) -> [AlertRow]
    func alert(_ id: String, scope: AccountScope) async throws(QueryError) -> AlertRow?
}

package struct AlertFilter: Sendable, Hashable {
    package var state: Alert.Status?
    package var device: String?

    package init(state: Alert.Status? = nil, device: String? = nil) {
        self.state = state
        self.device = device
    }
}

/// A place in the list of alerts.
package struct AlertPlace: Sendable, Hashable {
    package var raisedTime: Timestamp
    package var id: String

    package init(raisedTime: Timestamp, id: String) {
        self.raisedTime = raisedTime
        self.id = id
    }
}

extension AlertRow {
    package var place: AlertPlace { AlertPlace(raisedTime: raisedTime, id: id) }
}

extension PostgresFleetQueries {
    package func alerts(
        _ filter: AlertFilter, scope: AccountScope, after place: AlertPlace?, limit: Int
    ) async throws(QueryError) -> [AlertRow] {
        try await read(
            Statements.alerts(
                filter, scope: scope, after: place, limit: limit, generation: try generation(of: AlertsProjection.name)),
            AlertsProjection.decode)
    }

    package func alert(_ id: String, scope: AccountScope) async throws(QueryError) -> AlertRow? {
        let rows = try await read(
            Statements.alert(try generation(of: AlertsProjection.name), .text(id)), AlertsProjection.decode)
        return rows.first { scope.includes($0.account) }
    }

    private enum Statements {
        static let rows = """
            select \(AlertsProjection.columns) from alerts
            where generation = coalesce($1::int4, (select live_generation from projections where name = 'alerts'))
            """
        static let alert = Statement("query_alert", rows + " and id = $2")

        /// A statement for each set of conditions, so that each gets the index it needs.
        static func alerts(
            _ filter: AlertFilter, scope: AccountScope, after place: AlertPlace?, limit: Int, generation: PostgresValue
        ) -> BoundStatement {
            var (name, sql) = ("query_alerts", rows)
            var values: [PostgresValue] = [generation, .int8(Int64(limit))]
            func require(_ condition: String, _ suffix: String, _ value: PostgresValue...) {
                name += suffix
                sql += " and " + condition
                values += value
            }
            if let place {
                require("(raised_time, id) < ($3, $4)", "_after", .timestamp(place.raisedTime), .text(place.id))
            }
            if let state = filter.state { require("state = $\(values.count + 1)", "_state", .text(state.rawValue)) }
            if let device = filter.device { require("device = $\(values.count + 1)", "_device", .text(device)) }
            if case .only(let account) = scope {
                require("account = $\(values.count + 1)", "_account", .text(account.rawValue))
            }
            return Statement(name, sql + " order by raised_time desc, id desc limit $2").bind(values)
        }
    }
}
