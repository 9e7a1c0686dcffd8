import Projections
import Synchronization
import Testing

@testable import Gateway

/// A fleet that takes its time to be counted, by a clock that goes on only then and when it is told to.
private final class SlowFleet: FleetOverviewQueries {
    private let effort: Duration
    private let instant = Mutex(ContinuousClock.now)
    private let countings = Mutex(0)

    init(effort: Duration) { self.effort = effort }

    var now: ContinuousClock.Instant { instant.withLock { $0 } }
    /// How often it was counted.
    var counted: Int { countings.withLock { $0 } }

    func wait(_ duration: Duration) { instant.withLock { $0 += duration } }

    func fleetCounts() async throws(QueryError) -> [FleetCount] {
        countings.withLock { $0 += 1 }
        wait(effort)
        return []
    }

    func recentTraffic() async throws(QueryError) -> [StreamTraffic] { [] }
    func alertCounts() async throws(QueryError) -> [AlertCount] { [] }
}

@Suite struct `The counts of the fleet` {
    @Test(arguments: [(0, 5_000), (90, 5_000), (200, 10_000), (2_000, 100_000)])
    func `are kept for five seconds, and for fifty times as long as it takes to count them`(
        effort: Int, life: Int
    ) async throws {
        let fleet = SlowFleet(effort: .milliseconds(effort))
        let overview = FleetOverview(queries: fleet, life: .usual) { fleet.now }
        _ = try await overview.counts()
        fleet.wait(.milliseconds(life - 1))
        _ = try await overview.counts()
        #expect(fleet.counted == 1)
        fleet.wait(.milliseconds(1))
        _ = try await overview.counts()
        #expect(fleet.counted == 2)
    }
}
