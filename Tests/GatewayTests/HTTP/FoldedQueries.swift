import Aggregates
import Gateway
import Projections
import Runtime
import Support
import Synchronization

/// Views that are folded from the log whenever somebody asks.
final class FoldedQueries: FleetQueries {
    private let store: any EventStore
    /// While set, every question is answered with it.
    let failure = Mutex<QueryError?>(nil)
    /// How far the views have come: events up to there count.
    let end: Mutex<Int64>
    let stuckCount = Mutex<Int64>(0)
    /// At which event each device is stuck.
    let stuckPosition = Mutex<Int64?>(nil)
    let tether = Mutex(ProjectionStatus.Tether(events: 0, seconds: 0))
    let content = Mutex<ViewContent?>(nil)
    /// What happens while a question is answered.
    let meanwhile = Mutex<(@Sendable () -> Void)?>(nil)

    /// The only one that they know anything of, if not nil.
    private let stream: StreamName?

    init(store: any EventStore, through end: Int64 = .max, of stream: StreamName? = nil) {
        self.store = store
        self.end = Mutex(end)
        self.stream = stream
    }

    func devices(
        scope: AccountScope, where filter: DeviceFilter, in order: DeviceOrder, after place: DevicePlace?, limit: Int
    ) async throws(QueryError) -> [DeviceRow] {
        try await events("device").compactMap { id, events in DeviceRow(id, events) }
            .asked(scope: scope, where: filter, in: order, after: place, limit: limit)
    }

    func device(_ id: String, scope: AccountScope) async throws(QueryError) -> DeviceRow? {
        var row = try await devices(scope: scope, where: DeviceFilter(), after: nil, limit: .max).first { $0.id == id }
        row?.stuckPosition = stuckPosition.withLock { $0 }
        return row
    }

    func driftedClocks() async throws(QueryError) -> Int64 {
        let drifted = DeviceFilter(hasDrifted: true)
        return Int64(try await devices(scope: .all, where: drifted, after: nil, limit: .max).count)
    }

    func accounts(scope: AccountScope, after id: String?, limit: Int) async throws(QueryError) -> [AccountRow] {
        let rows = try await events("account").compactMap { _, events in AccountRow(events) }
        return Array(
            rows.filter { scope.includes($0.id) && (id == nil || $0.id.rawValue > id ?? "") }
                .sorted { $0.id.rawValue < $1.id.rawValue }.prefix(limit))
    }

    func account(_ id: String, scope: AccountScope) async throws(QueryError) -> AccountRow? {
        try await accounts(scope: scope, after: nil, limit: .max).first { $0.id.rawValue == id }
    }

    func alerts(
        _ filter: AlertFilter, by order: AlertOrder, scope: AccountScope, after place: AlertPlace?, limit: Int
    ) async throws(QueryError) -> [AlertRow] {
        let rows = try await events("alert").compactMap { _, events in AlertRow(events) }
        return Array(
            rows.filter { row in
                scope.includes(row.account) && filter.state.map { $0 == row.state } ?? true
                    && filter.device.map { $0 == row.device } ?? true
                    && place.map { row.isAfter($0, by: order) } ?? true
            }.sorted { $1.isAfter($0.place, by: order) }.prefix(limit))
    }

    func alert(_ id: String, scope: AccountScope) async throws(QueryError) -> AlertRow? {
        try await alerts(AlertFilter(), scope: scope, after: nil, limit: .max).first { $0.id == id }
    }

    func projections() async throws(QueryError) -> [ProjectionStatus] {
        if let failure = failure.withLock({ $0 }) { throw failure }
        let position = (try? await store.head().position) ?? 0
        return ["accounts", "alerts", "devices"].map {
            ProjectionStatus(
                name: $0, state: .live, position: position, tether: tether.withLock { $0 }, failure: nil,
                stuckCount: stuckCount.withLock { $0 }, content: content.withLock { $0 })
        }
    }

    func position(of view: String) async throws(QueryError) -> Int64? {
        try await projections().first { $0.name == view }?.position
    }

    func events(_ category: String) async throws(QueryError) -> [String: [RecordedEvent]] {
        if let failure = failure.withLock({ $0 }) { throw failure }
        meanwhile.withLock { $0 }?()
        let end = end.withLock { $0 }
        let filter = LogFilter(category: category, scope: .all, stream: stream)
        let page = try? await store.readLog(after: 0, where: filter, limit: .max)
        return Dictionary(grouping: (page?.events ?? []).filter { $0.position <= end }, by: \.stream.id)
    }
}

extension FoldedQueries: SerialNumbers {
    func holders(of serials: [String], in account: AccountID) async throws(QueryError) -> [String: String] {
        let rows = try await events("device").compactMap { id, events in DeviceRow(id, events) }
        let held = rows.filter { $0.account == account && $0.state != .retired && serials.contains($0.serial) }
        return Dictionary(held.map { ($0.serial, $0.id) }, uniquingKeysWith: { first, _ in first })
    }
}

extension DeviceRow {
    fileprivate init?(_ id: String, _ events: [RecordedEvent]) {
        var memory = AggregateMemory<Device>()
        for event in events { try? memory.fold(event) }
        guard let first = events.first else { return nil }
        let state = memory.state
        var folded: DeviceRow?
        for event in events { try? DevicesProjection.evolve(&folded, with: event) }
        self.init(
            id: id, account: state.account, serial: state.serial, type: state.type, name: state.name,
            labels: state.labels, location: state.location, metadata: state.metadata, state: state.status,
            quarantine: state.quarantine, registeredTime: first.recordedTime,
            lastSeenTime: state.telemetryCount > 0 ? events.last?.recordedTime : nil,
            lastObservedTime: state.latestObserved, readings: state.readings, telemetryCount: state.telemetryCount,
            duplicateCount: state.duplicateCount,
            refusedCount: state.refusedCount, flaggedCount: state.flaggedCount, lateCount: state.lateCount,
            readingOrder: folded?.readingOrder,
            latestFlagged: state.latestFlagged,
            clock: state.clock,
            connectivity: state.connectivity, claim: state.claim, version: memory.version)
    }
}

extension AccountRow {
    fileprivate init?(_ events: [RecordedEvent]) {
        var memory = AggregateMemory<Account>()
        for event in events { try? memory.fold(event) }
        guard let first = events.first else { return nil }
        self.init(
            id: memory.state.id, name: memory.state.name, state: memory.state.status, openedTime: first.recordedTime,
            version: memory.version)
    }
}

extension AlertRow {
    fileprivate init?(_ events: [RecordedEvent]) {
        var row: AlertRow?
        for event in events { try? AlertsProjection.evolve(&row, with: event) }
        guard let row else { return nil }
        self = row
    }

    /// Whether it comes later in a list of that order.
    fileprivate func isAfter(_ place: AlertPlace, by order: AlertOrder) -> Bool {
        if order == .gravestFirst, severity != place.severity { return severity < place.severity }
        return (raisedTime, id) < (place.raisedTime, place.id)
    }
}
