import Aggregates
import Projections
import Runtime
import Support
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

/// A fleet that is counted when it is let: each time with one device more.
private final class HeldFleet: FleetOverviewQueries {
    private let instant = Mutex(ContinuousClock.now)
    private let looks = Mutex(0)
    /// How many times it was begun to be counted, and may be counted to the end.
    private let (begun, allowed) = (LogSignal(), LogSignal())

    /// By its clock, which stands still; whoever looks is counted.
    var now: ContinuousClock.Instant {
        looks.withLock { $0 += 1 }
        return instant.withLock { $0 }
    }
    var looked: Int { looks.withLock { $0 } }
    var counted: Int64 { begun.position }

    func wait(_ duration: Duration) { instant.withLock { $0 += duration } }
    func allow(_ count: Int64) { allowed.advance(to: count) }

    func fleetCounts() async throws(QueryError) -> [FleetCount] {
        let number = begun.position + 1
        begun.advance(to: number)
        await allowed.wait(past: number - 1, atMost: .seconds(60))
        return [
            FleetCount(
                account: .default, type: DeviceType("smoke"), state: .active, presence: .online, devices: number)
        ]
    }

    func recentTraffic() async throws(QueryError) -> [StreamTraffic] { [] }
    func alertCounts() async throws(QueryError) -> [AlertCount] { [] }
}

extension FleetOverview {
    fileprivate func devices(through position: Int64 = 0) async throws -> Int64? {
        try await counts(by: ["devices"], through: position).devices.first?.devices
    }
}

@Suite(.timeLimit(.minutes(2))) struct `The counts of the fleet` {
    @Test(arguments: [(0, 5_000), (90, 5_000), (200, 10_000), (2_000, 100_000)])
    func `are kept for five seconds, and for fifty times as long as it takes to count them`(
        effort: Int, life: Int
    ) async throws {
        let fleet = SlowFleet(effort: .milliseconds(effort))
        let overview = FleetOverview(queries: fleet, progress: ViewProgress(), life: .usual) { fleet.now }
        _ = try await overview.devices()
        fleet.wait(.milliseconds(life - 1))
        _ = try await overview.devices()
        #expect(fleet.counted == 1)
        fleet.wait(.milliseconds(1))
        _ = try await overview.devices()
        #expect(fleet.counted == 2)
    }

    @Test func `are shown a fifth longer while they are counted anew, and then are waited for`() async throws {
        let fleet = HeldFleet()
        let overview = FleetOverview(queries: fleet, progress: ViewProgress(), life: .usual) { fleet.now }
        fleet.allow(1)
        #expect(try await overview.devices() == 1)
        fleet.wait(.seconds(5))
        async let first = overview.devices()
        try await eventually("counting anew") { fleet.counted == 2 }
        fleet.wait(.milliseconds(999))
        #expect(try await overview.devices() == 1)
        fleet.wait(.milliseconds(1))
        let looked = fleet.looked
        async let second = overview.devices()
        try await eventually("a look at the clock") { fleet.looked > looked }
        fleet.allow(2)
        let counts = try await [first, second]
        #expect(counts == [2, 2])
        #expect(fleet.counted == 2)
    }

    @Test func `are never those of before the position that was waited for`() async throws {
        let fleet = HeldFleet()
        let progress = ViewProgress()
        let overview = FleetOverview(queries: fleet, progress: progress, life: .usual) { fleet.now }
        progress.advance("devices", to: 10)
        fleet.allow(1)
        #expect(try await overview.devices(through: 10) == 1)
        #expect(try await overview.devices(through: 10) == 1)
        progress.advance("devices", to: 11)
        // What is being counted may have been looked at before it came.
        async let first = overview.devices(through: 11)
        try await eventually("counting anew") { fleet.counted == 2 }
        progress.advance("devices", to: 12)
        async let second = overview.devices(through: 12)
        #expect(try await overview.devices() == 1)
        fleet.allow(2)
        let earlier = try await first
        fleet.allow(3)
        let later = try await second
        #expect(earlier == 2 && later == 3)
        #expect(try await overview.devices(through: 12) == 3)
        // The view of alerts has not come so far, and is not asked for.
        #expect(fleet.counted == 3)
    }

    @Test func `are each shown under their own name`() {
        let counts = [Int64(1), 100].map { times in
            var count = FleetCount(
                account: .default, type: DeviceType("water"), state: .active, presence: .online, devices: 13 * times)
            (count.drifted, count.readings, count.duplicates) = (2 * times, 3 * times, 5 * times)
            (count.flagged, count.refused, count.late) = (7 * times, 9 * times, 11 * times)
            return count
        }
        let traffic = [(Int64(30), Int64(6)), (12, 3)].enumerated().map { number, counts in
            StreamTraffic(
                stream: "device-\(number)", account: .default, events: counts.0, messages: counts.1, seconds: 60)
        }
        let metrics = MetricsDashboard(counts, traffic)
        #expect(metrics.readings == 303 && metrics.duplicate == 505 && metrics.flagged == 707)
        #expect(metrics.refused == 909 && metrics.late == 1_111)
        #expect(metrics.eventsPerSecond == 0.7 && metrics.messagesPerSecond == 0.15)
        let devices = DevicesDashboard(counts)
        #expect(devices.total == 1_313 && devices.drifted == 202)
    }

    @Test func `are counted by the next who asks, where counting has failed`() async throws {
        let fleet = FailingFleet()
        let overview = FleetOverview(queries: fleet, progress: ViewProgress(), life: .usual)
        await #expect(throws: QueryError.self) { try await overview.devices() }
        #expect(try await overview.devices() == nil)
    }
}

/// A fleet that cannot be counted the first time.
private final class FailingFleet: FleetOverviewQueries {
    private let countings = Mutex(0)

    func fleetCounts() async throws(QueryError) -> [FleetCount] {
        let number = countings.withLock { count in
            count += 1
            return count
        }
        guard number > 1 else { throw .timedOut }
        return []
    }

    func recentTraffic() async throws(QueryError) -> [StreamTraffic] { [] }
    func alertCounts() async throws(QueryError) -> [AlertCount] { [] }
}
