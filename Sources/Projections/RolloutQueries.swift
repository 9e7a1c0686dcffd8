package import Aggregates
package import Runtime

/// The questions about rollouts that the read models answer; each only within the scope of the one who asks.
package protocol RolloutQueries: Sendable {
    /// Rollouts in the order of their ids, after `id` if given.
    func rollouts(
        scope: AccountScope, state: Rollout.Status?, after id: String?, limit: Int
    ) async throws(QueryError) -> [RolloutRow]
    func rollout(_ id: String, scope: AccountScope) async throws(QueryError) -> RolloutRow?
    /// The devices of a rollout in the order of their ids, after `device` if given; whoever asks may know of it.
    func devices(
        ofRollout id: String, state: InstallationState?, after device: String?, limit: Int
    ) async throws(QueryError) -> [RolloutDeviceRow]
    /// The ids of the devices that a rollout in the account may have, in the order of their ids.
    func devices(selectedBy selection: DeviceSelection, account: AccountID, limit: Int) async throws(QueryError)
        -> [String]
}

/// Which devices of an account are meant; those that are quarantined or retired never are.
package enum DeviceSelection: Sendable, Hashable {
    case ids([String])
    case type(String)
    /// All of these labels, with these values.
    case labels([String: String])
}

extension PostgresFleetQueries: RolloutQueries {
    package func rollouts(
        scope: AccountScope, state: Rollout.Status?, after id: String?, limit: Int
    ) async throws(QueryError) -> [RolloutRow] {
        var account = PostgresValue.null
        if case .only(let own) = scope { account = .text(own.rawValue) }
        return try await read(
            RolloutStatements.rollouts(
                try generation(of: RolloutsProjection.name), .text(id ?? ""), .int8(Int64(limit)), account,
                state.map { .text($0.rawValue) } ?? .null),
            RolloutsProjection.decode)
    }

    package func rollout(_ id: String, scope: AccountScope) async throws(QueryError) -> RolloutRow? {
        try await read(
            RolloutStatements.rollout(try generation(of: RolloutsProjection.name), .text(id)), RolloutsProjection.decode
        ).first { scope.includes($0.account) }
    }

    package func devices(
        ofRollout id: String, state: InstallationState?, after device: String?, limit: Int
    ) async throws(QueryError) -> [RolloutDeviceRow] {
        try await read(
            RolloutStatements.devices(
                try generation(of: RolloutDevicesProjection.name), .text(id), .text(device ?? ""), .int8(Int64(limit)),
                state.map { .text($0.rawValue) } ?? .null),
            RolloutDevicesProjection.decode)
    }

    package func devices(
        selectedBy selection: DeviceSelection, account: AccountID, limit: Int
    ) async throws(QueryError) -> [String] {
        let page: [PostgresValue] = [
            try generation(of: DevicesProjection.name), .text(account.rawValue), .int8(Int64(limit)),
        ]
        let statement =
            switch selection {
            case .ids(let ids): RolloutStatements.devicesByID.bind(page + [.textArray(ids)])
            case .type(let type): RolloutStatements.devicesByType.bind(page + [.text(type)])
            case .labels(let labels): RolloutStatements.devicesByLabels.bind(page + [.text(ViewJSON.encode(labels))])
            }
        return try await read(statement) { row throws(PostgresError) in try row.text(0) }
    }
}

private enum RolloutStatements {
    private static let rows = """
        select \(RolloutsProjection.columns) from rollouts
        where generation = coalesce($1::int4, (select live_generation from projections where name = 'rollouts'))
        """
    static let rollouts = Statement(
        "query_rollouts",
        rows + """
             and id > $2 and ($4::text is null or account = $4) and ($5::text is null or state = $5)
            order by id limit $3
            """)
    static let rollout = Statement("query_rollout", rows + " and id = $2")

    static let devices = Statement(
        "query_rollout_devices",
        """
        select \(RolloutDevicesProjection.columns) from rollout_devices
        where generation = coalesce($1::int4, (select live_generation from projections where name = 'rollout-devices'))
            and rollout = $2 and device > $3 and ($5::text is null or state = $5)
        order by device limit $4
        """)

    private static let selectable = """
        select id from devices
        where generation = coalesce($1::int4, (select live_generation from projections where name = 'devices'))
            and account = $2 and state in ('provisioned', 'active')
        """
    static let devicesByID = Statement(
        "select_devices_by_id", selectable + " and id = any ($4) order by id limit $3")
    static let devicesByType = Statement(
        "select_devices_by_type", selectable + " and type = $4 order by id limit $3")
    static let devicesByLabels = Statement(
        "select_devices_by_labels", selectable + " and labels @> $4::text::jsonb order by id limit $3")
}
