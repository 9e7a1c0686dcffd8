import Aggregates
import Projections
import Runtime

/// What is known of the whole fleet, asked for once in a few seconds however many want to see it.
///
/// Counting goes through every device. So it is done for all accounts at once, and while it is done anew others see what was
/// counted shortly before, or wait for it. Of a large fleet that is kept longer: a quarter of a second of counting each five
/// seconds would be felt by all who ask for something else.
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

    private struct Held {
        var counts: Counts
        /// How far the views had come before they were counted.
        var positions: [String: Int64]
        var until: ContinuousClock.Instant
        /// While they are counted anew.
        var atMostUntil: ContinuousClock.Instant

        func isThrough(_ position: Int64, of views: Set<String>) -> Bool {
            views.allSatisfy { positions[$0, default: 0] >= position }
        }
    }

    /// The views that are counted.
    static let views = ["devices", "alerts"]

    private let queries: any FleetOverviewQueries
    private let progress: ViewProgress
    private let life: OverviewLife
    private let now: @Sendable () -> ContinuousClock.Instant
    private var held: Held?
    private var isCounting = false
    /// How often it was counted, or tried.
    private let endings = LogSignal()

    init(
        queries: any FleetOverviewQueries, progress: ViewProgress, life: OverviewLife,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) {
        self.queries = queries
        self.progress = progress
        self.life = life
        self.now = now
    }

    /// - Parameters:
    ///   - names: the views that are shown.
    ///   - position: what they had come to, at least, before they were counted; they have come so far.
    func counts(by names: Set<String>, through position: Int64) async throws(QueryError) -> Counts {
        while true {
            if let held, held.isThrough(position, of: names), now() < (isCounting ? held.atMostUntil : held.until) {
                return held.counts
            }
            guard isCounting else { return try await count() }
            await endings.wait(past: endings.position, atMost: .seconds(60))
            if Task.isCancelled { throw .unavailable(reason: "nobody waits for the counts any more") }
        }
    }

    private func count() async throws(QueryError) -> Counts {
        isCounting = true
        defer {
            isCounting = false
            endings.advance(to: endings.position + 1)
        }
        let positions = Dictionary(uniqueKeysWithValues: Self.views.map { ($0, progress.position(of: $0)) })
        let begin = now()
        let counts = Counts(
            devices: try await queries.fleetCounts(), traffic: try await queries.recentTraffic(),
            alerts: try await queries.alertCounts())
        let end = now()
        let shown = life(counting: end - begin)
        held = Held(
            counts: counts, positions: positions, until: end + shown,
            atMostUntil: end + shown + life.grace(after: shown))
        return counts
    }
}
