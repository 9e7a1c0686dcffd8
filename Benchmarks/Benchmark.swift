/// The benchmarks by name. Each brings its own throw-away servers and ends within 10 minutes, but for ``growth``.
package enum Benchmark: String, CaseIterable, Sendable {
    /// Events per second through the event store, beside bare libpq and beside COPY.
    case append
    /// Microseconds to an answer at 1,000 appends a second, beside bare libpq.
    case latency
    /// Commands per second to one actor from 1,000 commanders, beside bare libpq.
    case actor
    /// Events per second to many small streams, to a few hot ones, and to a mixture, beside bare libpq.
    case shapes
    /// Events per second beside UmaDB and eventsourcing.
    case peers
    /// Events per second out of the log, as they are stored and as typed events, beside bare libpq; what memory it takes.
    case read
    /// Events per second that are sealed, and that are verified, beside bare libpq reading them.
    case seals
    /// Events per second into a view that is built anew, beside reading them and no more; what it costs the live view, how
    /// soon that shows an event, and memory.
    case rebuild
    /// Events per second into the view of telemetry that is built anew, beside COPY of the rows that this writes.
    case telemetry
    /// Microseconds to the state of a device of 100,000 events at a version or an instant, beside bare libpq.
    case past
    /// Microseconds to answers of the reading routes at 500 requests a second on 100,000 devices, beside the aim.
    case queries
    /// Messages per second from publishers to acknowledgement after commit, beside the bare broker.
    case ingest
    /// How soon 100,000 devices, a change and a revocation reach the broker's guard, what it needs for a device, beside
    /// the aims; messages per second with it, beside the broker without it.
    case `guard`
    /// Events per second through the server's workflows, beside reading the same log; how far they trail live readings.
    case workflows
    /// How late 100,000 timers of one minute are.
    case timers
    /// Microseconds per report in one rollout of 10,000 devices, late ones beside the first.
    case rollout
    /// Cold actors that wake per second, beside reading the same rows; how long one alone takes.
    case wake
    /// Resident bytes of a device actor that is awake, beside its bare state.
    case memory
    /// Webhooks per second from notifications to the ledger, beside libcurl alone; also beside a dead receiver.
    case webhooks

    /// How long a full database of before keeps appends, the view and the broker's guard waiting while it is migrated.
    case migrate
    /// Rates of a log of many millions of events, beside one of a million.
    case growth
    /// How soon the view shows the readings of a fleet that reports once a minute for a quarter of an hour, what it takes
    /// of processors and memory, and a minute of ten times as much.
    case fleet

    /// All that end within minutes.
    package static let short = allCases.filter { $0 != .growth && $0 != .fleet && $0 != .migrate }

    /// Runs of each contender; the median counts.
    static let runs = 5

    /// Runs the benchmark and hands over each measure as it is complete.
    ///
    /// - Parameters:
    ///   - sizes: of the log for ``growth``, ``rebuild``, ``telemetry``, ``queries`` and ``migrate``, in millions of events; their own
    ///     if empty.
    ///   - devices: of ``fleet`` and ``migrate``.
    ///   - minutes: of ``fleet`` before its burst.
    ///   - progress: a line for the terminal now and then.
    package func run(
        sizes: [Int], devices: Int = 100_000, minutes: Int = 15, progress: @escaping @Sendable (String) -> Void,
        report: @escaping @Sendable (Measure) throws -> Void
    ) async throws {
        switch self {
        case .append: try await AppendBenchmark().run(progress: progress, report: report)
        case .latency: try await LatencyBenchmark().run(progress: progress, report: report)
        case .actor: try await ActorBenchmark().run(progress: progress, report: report)
        case .shapes: try await ShapesBenchmark().run(progress: progress, report: report)
        case .peers: try await PeersBenchmark().run(progress: progress, report: report)
        case .read: try await ReadBenchmark().run(progress: progress, report: report)
        case .seals: try await SealsBenchmark().run(progress: progress, report: report)
        case .rebuild:
            let events = Int64(sizes.first ?? 10) * 1_000_000
            try await RebuildBenchmark(events: events).run(progress: progress, report: report)
        case .telemetry:
            let events = Int64(sizes.first ?? 1) * 1_000_000
            try await TelemetryRebuildBenchmark(events: events).run(progress: progress, report: report)
        case .past: try await PastBenchmark().run(progress: progress, report: report)
        case .queries:
            let readings = Int64(sizes.first ?? 2) * 1_000_000
            try await QueriesBenchmark(readings: readings).run(progress: progress, report: report)
        case .ingest: try await IngestBenchmark().run(progress: progress, report: report)
        case .guard: try await GuardBenchmark().run(progress: progress, report: report)
        case .workflows: try await WorkflowsBenchmark().run(progress: progress, report: report)
        case .timers: try await TimersBenchmark().run(progress: progress, report: report)
        case .rollout: try await RolloutBenchmark().run(progress: progress, report: report)
        case .wake: try await WakeBenchmark().run(progress: progress, report: report)
        case .memory: try await MemoryBenchmark().run(progress: progress, report: report)
        case .webhooks: try await WebhooksBenchmark().run(progress: progress, report: report)
        case .fleet:
            try await FleetBenchmark(devices: devices, minutes: minutes).run(progress: progress, report: report)
        case .migrate:
            let events = Int64(sizes.first ?? 1) * 1_000_000
            try await MigrateBenchmark(events: events, devices: devices).run(progress: progress, report: report)
        case .growth:
            let sizes = sizes.isEmpty ? [10] : sizes
            try await GrowthBenchmark(sizes: sizes).run(progress: progress, report: report)
        }
    }
}

/// Why a benchmark gave no result.
struct BenchmarkFailed: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
