import Aggregates
import Projections
import Runtime

/// A live view over devices while events come, and a follower that only reads them.
struct LiveView<P: WideProjection>: Sendable {
    private let log: BenchLog
    private let devices: Int

    init(_ log: BenchLog, devices: Int) {
        self.log = log
        self.devices = devices
    }

    /// Milliseconds from the answer to an append until its events are in the view, and read by the follower: the 99th
    /// percentiles, at so many events a second.
    func lag(at rate: Int, for time: Duration) async throws -> (view: Double, follower: Double) {
        try await lag(at: rate) { try await Task.sleep(for: time) }
    }

    func lag(
        at rate: Int, during body: @escaping () async throws -> Void
    ) async throws -> (view: Double, follower: Double) {
        let (progress, read) = (ViewProgress(), ViewProgress())
        let feed = LogFeed(
            of: log.store,
            decoding: [Device.category: { event throws(EventCodecError) in try Device.codec.decode(event) }],
            logger: silent)
        let runner = ProjectionRunner(
            P.self, log: feed, pool: log.pool, logger: silent, progress: progress)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await feed.run() }
            group.addTask { try await runner.run() }
            group.addTask { try await Self.follow(feed, read) }
            defer { group.cancelAll() }
            // What has come since the view was at work last is not measured.
            let head = try await log.store.head().position
            guard await progress.hasReached(head, in: P.name, within: .seconds(60)) else {
                throw BenchmarkFailed("the view does not reach the head")
            }
            let writer = try await Writer(log, devices: devices, rate: rate)
            let lags = Lags()
            async let written: Void = writer.write(progress, read, lags)
            try await body()
            await lags.end()
            try await written
            return await lags.percentiles
        }
    }

    private static func follow(_ log: any LogSource, _ read: ViewProgress) async throws {
        var position = try await log.head().position
        let subscription = Subscription(to: log, where: LogFilter(category: Device.category, scope: .all))
        while !Task.isCancelled {
            position = try await subscription.page(after: position).end
            read.advance(P.name, to: position)
        }
    }

    /// What was seen, until it is over.
    private actor Lags {
        private var (view, follower) = (Latencies(), Latencies())
        private(set) var isOver = false

        func add(view: Duration, follower: Duration) {
            self.view.add(view)
            self.follower.add(follower)
        }

        func end() { isOver = true }

        var percentiles: (view: Double, follower: Double) {
            (view.percentile(99) / .milliseconds(1), follower.percentile(99) / .milliseconds(1))
        }
    }

    /// Appends to the devices in turn, some each ten milliseconds.
    private struct Writer {
        private let log: BenchLog
        private let portion: Int
        private var versions: [Int64]
        private let beat = Duration.milliseconds(10)

        init(_ log: BenchLog, devices: Int, rate: Int) async throws {
            self.log = log
            portion = max(1, rate / 100)
            // A few of the devices are enough; each append needs the version it rests on.
            versions = []
            for device in 0..<min(devices, 1_000) {
                let stream = SampleEvents().stream(of: device)
                let version = Statement("bench_version", "select max(version) from events where stream = $1")
                let rows = try await log.pool.withConnection { try await $0.query(version(.text(stream.description))) }
                versions.append(try rows.first?.int8(ifPresent: 0) ?? 0)
            }
        }

        func write(_ progress: ViewProgress, _ read: ViewProgress, _ lags: Lags) async throws {
            var (versions, next) = (versions, 0)
            var due = ContinuousClock.now
            try await withThrowingDiscardingTaskGroup { group in
                while await !lags.isOver {
                    var changes: [StreamChange] = []
                    for _ in 0..<portion {
                        let device = next % versions.count
                        let event = SampleEvents().event(of: device, version: versions[device] + 1)
                        changes.append(
                            StreamChange(
                                SampleEvents().stream(of: device), expecting: versions[device], events: [event]))
                        versions[device] += 1
                        next += 1
                    }
                    try await log.append(changes)
                    let committed = ContinuousClock.now
                    let head = try await log.store.head().position
                    group.addTask {
                        async let view = seen(progress, head, since: committed)
                        async let follower = seen(read, head, since: committed)
                        await lags.add(view: view, follower: follower)
                    }
                    due += beat
                    try? await Task.sleep(until: due)
                }
            }
        }

        private func seen(
            _ progress: ViewProgress, _ position: Int64, since start: ContinuousClock.Instant
        ) async -> Duration {
            _ = await progress.hasReached(position, in: P.name, within: .seconds(30))
            return .now - start
        }
    }
}
