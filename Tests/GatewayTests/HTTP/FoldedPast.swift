import Projections
import Runtime

/// Past views that are folded whenever somebody asks.
struct FoldedPast: PastViews {
    let store: any EventStore

    func views(
        _ names: [String], of stream: StreamName?, asOf position: Int64
    ) async throws(PastViewError) -> any ViewQueries {
        let head = (try? await store.head().position) ?? 0
        guard position <= head else { throw .notReached(head: head) }
        return FoldedQueries(store: store, through: position, of: stream)
    }

    func difference(
        from: Int64, to: Int64, scope: AccountScope, after id: String?, limit: Int
    ) async throws(PastViewError) -> FleetDifference {
        let (old, new) = (await faces(from, scope), await faces(to, scope))
        let devices = Set(old.keys).union(new.keys).sorted().map {
            FleetDifference.Device(id: $0, from: old[$0], to: new[$0])
        }.filter { $0.from != $0.to }
        var counts = FleetDifference.Counts()
        for device in devices {
            guard let from = device.from, let to = device.to else {
                if device.from == nil { counts.came += 1 } else { counts.went += 1 }
                continue
            }
            if from.account != to.account { counts.account += 1 }
            if from.type != to.type { counts.type += 1 }
            if from.state != to.state { counts.state += 1 }
            if from.presence != to.presence { counts.presence += 1 }
        }
        return FleetDifference(counts: counts, devices: Array(devices.filter { $0.id > id ?? "" }.prefix(limit)))
    }

    private func faces(_ position: Int64, _ scope: AccountScope) async -> [String: FleetDifference.Face] {
        let rows = try? await FoldedQueries(store: store, through: position)
            .devices(scope: scope, where: DeviceFilter(), after: nil, limit: .max)
        return Dictionary(
            (rows ?? []).map { ($0.id, FleetDifference.Face($0)) }, uniquingKeysWith: { first, _ in first })
    }
}
