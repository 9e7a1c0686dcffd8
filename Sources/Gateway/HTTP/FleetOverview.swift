import Aggregates
import Projections
import Runtime

/// What is known of the whole fleet, asked for once in a few seconds however many want to see it.
///
/// Counting goes through every device. So it is done for all accounts at once, and while it is done anew others see what was
/// counted before. Of a large fleet that is kept longer: a quarter of a second of counting each five seconds would be felt by
/// all who ask for something else.
actor FleetOverview {
    struct Counts: Sendable {
        var devices: [FleetCount]
        var traffic: [StreamTraffic]
        var alerts: [AlertCount]

        func within(_ scope: AccountScope) -> Counts {
            Counts(
                devices: devices.filter { scope.includes($0.account) },
                traffic: traffic.filter { scope.includes($0.account) },
                alerts: alerts.filter { scope.includes($0.account) })
        }
    }

    private let queries: any FleetOverviewQueries
    private let life: OverviewLife
    private let now: @Sendable () -> ContinuousClock.Instant
    private var held: (counts: Counts, until: ContinuousClock.Instant)?
    private var isCounting = false

    init(
        queries: any FleetOverviewQueries, life: OverviewLife,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) {
        self.queries = queries
        self.life = life
        self.now = now
    }

    func counts() async throws(QueryError) -> Counts {
        if let held, isCounting || now() < held.until { return held.counts }
        isCounting = true
        defer { isCounting = false }
        let begin = now()
        let counts = Counts(
            devices: try await queries.fleetCounts(), traffic: try await queries.recentTraffic(),
            alerts: try await queries.alertCounts())
        let end = now()
        held = (counts, end + life(counting: end - begin))
        return counts
    }
}
