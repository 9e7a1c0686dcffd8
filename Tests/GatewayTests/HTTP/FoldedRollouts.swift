import Aggregates
import Projections
import Runtime

extension FoldedQueries: RolloutQueries {
    func rollouts(
        scope: AccountScope, state: Rollout.Status?, after id: String?, limit: Int
    ) async throws(QueryError) -> [RolloutRow] {
        var rows = ViewRows<RolloutRow>()
        for event in try await events("rollout").values.joined() { try? RolloutsProjection.evolve(&rows, with: event) }
        return Array(
            rows.changed.filter {
                scope.includes($0.account) && (state == nil || $0.state == state) && $0.id > id ?? ""
            }
            .sorted { $0.id < $1.id }.prefix(limit))
    }

    func rollout(_ id: String, scope: AccountScope) async throws(QueryError) -> RolloutRow? {
        try await rollouts(scope: scope, state: nil, after: nil, limit: .max).first { $0.id == id }
    }

    func devices(
        ofRollout id: String, state: InstallationState?, after device: String?, limit: Int
    ) async throws(QueryError) -> [RolloutDeviceRow] {
        var rows = ViewRows<RolloutDeviceRow>()
        for event in try await events("rollout")[id] ?? [] {
            try? RolloutDevicesProjection.evolve(&rows, with: event)
        }
        return Array(
            rows.changed.filter { (state == nil || $0.state == state) && $0.device > device ?? "" }
                .sorted { $0.device < $1.device }.prefix(limit))
    }

    func devices(
        selectedBy selection: DeviceSelection, account: AccountID, limit: Int
    ) async throws(QueryError) -> [String] {
        try await devices(scope: .only(account), where: DeviceFilter(), after: nil, limit: .max).filter { row in
            guard row.state != .retired else { return false }
            switch selection {
            case .ids(let ids): return ids.contains(row.id)
            case .type(let type): return row.type.rawValue == type
            case .labels(let labels): return labels.allSatisfy { row.labels[$0] == $1 }
            }
        }.prefix(limit).map(\.id)
    }
}
