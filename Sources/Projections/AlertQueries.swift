package import Aggregates
package import Runtime

/// The questions that the view `alerts` answers; each only within the scope of the one who asks.
package protocol AlertQueries: Sendable {
    /// Alerts that pass the filter, in that order, after `place` if given.
    func alerts(
        _ filter: AlertFilter, by order: AlertOrder, scope: AccountScope, after place: AlertPlace?, limit: Int
    ) async throws(QueryError) -> [AlertRow]
    func alert(_ id: String, scope: AccountScope) async throws(QueryError) -> AlertRow?
}

/// How a list of alerts is sorted.
package enum AlertOrder: Sendable, Hashable {
    case newestFirst
    /// The gravest first, and the newest of those that are as grave. Meant for open ones, of which it has an index.
    case gravestFirst
}

extension AlertQueries {
    /// The newest first.
    package func alerts(
        _ filter: AlertFilter, scope: AccountScope, after place: AlertPlace?, limit: Int
    ) async throws(QueryError) -> [AlertRow] {
        try await alerts(filter, by: .newestFirst, scope: scope, after: place, limit: limit)
    }
}

package struct AlertFilter: Sendable, Hashable {
    package var state: Alert.Status?
    package var device: String?

    package init(state: Alert.Status? = nil, device: String? = nil) {
        self.state = state
        self.device = device
    }
}

/// A place in the list of alerts, in whichever order.
package struct AlertPlace: Sendable, Hashable {
    package var severity: Severity
    package var raisedTime: Timestamp
    package var id: String

    package init(severity: Severity, raisedTime: Timestamp, id: String) {
        self.severity = severity
        self.raisedTime = raisedTime
        self.id = id
    }
}

extension AlertRow {
    package var place: AlertPlace { AlertPlace(severity: severity, raisedTime: raisedTime, id: id) }
}

extension PostgresFleetQueries {
    package func alerts(
        _ filter: AlertFilter, by order: AlertOrder, scope: AccountScope, after place: AlertPlace?, limit: Int
    ) async throws(QueryError) -> [AlertRow] {
        try await read(
            AlertStatements.alerts(
                filter, by: order, scope: scope, after: place, limit: limit,
                generation: try generation(of: AlertsProjection.name)),
            AlertsProjection.decode)
    }

    package func alert(_ id: String, scope: AccountScope) async throws(QueryError) -> AlertRow? {
        let rows = try await read(
            AlertStatements.alert(try generation(of: AlertsProjection.name), .text(id)), AlertsProjection.decode)
        return rows.first { scope.includes($0.account) }
    }
}

enum AlertStatements {
    static let rows = """
        select \(AlertsProjection.columns) from alerts
        where generation = coalesce($1::int4, (select live_generation from projections where name = 'alerts'))
        """
    static let alert = Statement("query_alert", rows + " and id = $2")

    /// As the indexes for it have it, letter for letter.
    static let gravity = "array_position(array['info', 'warning', 'critical'], severity)"

    /// A statement for each set of conditions, so that each gets the index it needs.
    static func alerts(
        _ filter: AlertFilter, by order: AlertOrder, scope: AccountScope, after place: AlertPlace?, limit: Int,
        generation: PostgresValue
    ) -> BoundStatement {
        var (name, sql) = ("query_alerts", rows)
        var values: [PostgresValue] = [generation, .int8(Int64(limit))]
        func require(_ condition: String, _ suffix: String, _ value: PostgresValue...) {
            name += suffix
            sql += " and " + condition
            values += value
        }
        switch (order, place) {
        case (.newestFirst, let place?):
            require("(raised_time, id) < ($3, $4)", "_after", .timestamp(place.raisedTime), .text(place.id))
        case (.gravestFirst, let place?):
            require(
                "(\(gravity), raised_time, id) < (array_position(array['info', 'warning', 'critical'], $3), $4, $5)",
                "_after", .text(place.severity.rawValue), .timestamp(place.raisedTime), .text(place.id))
        case (_, nil): break
        }
        switch (order, filter.state) {
        // The state in words: the indexes hold open ones only.
        case (.gravestFirst, .open): require("state = 'open'", "_open")
        case (_, let state?): require("state = $\(values.count + 1)", "_state", .text(state.rawValue))
        case (_, nil): break
        }
        if let device = filter.device { require("device = $\(values.count + 1)", "_device", .text(device)) }
        if case .only(let account) = scope {
            require("account = $\(values.count + 1)", "_account", .text(account.rawValue))
        }
        switch order {
        case .newestFirst: sql += " order by raised_time desc, id desc limit $2"
        case .gravestFirst:
            name += "_gravest"
            sql += " order by \(gravity) desc, raised_time desc, id desc limit $2"
        }
        return Statement(name, sql).bind(values)
    }
}
