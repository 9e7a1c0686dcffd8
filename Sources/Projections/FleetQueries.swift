package import Runtime

/// The questions that the read models answer; each only within the scope of the one who asks.
package protocol FleetQueries: AlertQueries {
    /// Devices that pass the filter, behind `place` if given.
    func devices(
        scope: AccountScope, where filter: DeviceFilter, in order: DeviceOrder, after place: DevicePlace?, limit: Int
    ) async throws(QueryError) -> [DeviceRow]
    func device(_ id: String, scope: AccountScope) async throws(QueryError) -> DeviceRow?
    /// How many devices have a clock that counts as wrong.
    func driftedClocks() async throws(QueryError) -> Int64
    /// Accounts in the order of their ids, after `id` if given.
    func accounts(scope: AccountScope, after id: String?, limit: Int) async throws(QueryError) -> [AccountRow]
    func account(_ id: String, scope: AccountScope) async throws(QueryError) -> AccountRow?
    func projections() async throws(QueryError) -> [ProjectionStatus]

    /// How far the named view has come; nil if there is none.
    func position(of view: String) async throws(QueryError) -> Int64?
}

/// The questions that all views answer together.
package typealias ViewQueries = FleetQueries & RolloutQueries & TelemetryQueries & StateQueries & FleetOverviewQueries

extension FleetQueries {
    /// Devices in the order of their ids, after `id` if given.
    package func devices(
        scope: AccountScope, where filter: DeviceFilter, after id: String?, limit: Int
    ) async throws(QueryError) -> [DeviceRow] {
        try await devices(
            scope: scope, where: filter, in: .byID, after: id.map { DevicePlace(.none, id: $0) }, limit: limit)
    }
}

package enum QueryError: Error, Sendable, Hashable {
    /// The database cannot be reached; later it may.
    case unavailable(reason: String)
    /// The database took too long.
    case timedOut
}

package struct ProjectionStatus: Sendable, Hashable {
    package enum State: String, Sendable {
        case live, rebuilding, paused, failed
    }

    package struct Tether: Sendable, Hashable {
        /// Positions between the view and the newest event.
        package var events: Int64
        /// Since the first of them was recorded.
        package var seconds: Double

        package init(events: Int64, seconds: Double) {
            self.events = events
            self.seconds = seconds
        }
    }

    package var name: String
    package var state: State
    package var position: Int64
    package var tether: Tether
    /// Why the projection stands still, if it does.
    package var failure: String?
    /// Entities whose rows stand still.
    package var stuckCount: Int64
    /// Nil until the generation that serves was counted for the first time.
    package var content: ViewContent?

    package init(
        name: String, state: State, position: Int64, tether: Tether, failure: String?, stuckCount: Int64 = 0,
        content: ViewContent? = nil
    ) {
        self.name = name
        self.state = state
        self.position = position
        self.tether = tether
        self.failure = failure
        self.stuckCount = stuckCount
        self.content = content
    }
}

/// What a view held as of a position.
package struct ViewContent: Sendable, Hashable {
    package var rowCount: Int64
    /// The same for the same rows, whatever their order.
    package var digest: String
    package var position: Int64
    package var countedTime: Timestamp

    package init(rowCount: Int64, digest: String, position: Int64, countedTime: Timestamp) {
        self.rowCount = rowCount
        self.digest = digest
        self.position = position
        self.countedTime = countedTime
    }
}
