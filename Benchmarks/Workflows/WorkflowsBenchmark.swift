import Runtime
import Workflows

/// The runner with three workflows over 100,000 devices: its rate beside reading and decoding the same log, and how far
/// it trails 2,000 readings a second.
struct WorkflowsBenchmark {
    private static let runs = 3
    // More events than the window within which states are held in memory alone, so that storing them counts.
    private static let readings: Int64 = 8
    private static let pace = 2_000

    func run(progress: @Sendable (String) -> Void, report: @Sendable (Measure) throws -> Void) async throws {
        try await ThrowawayServers.with { servers in
            var (rate, reading) = (Samples(), Samples())
            for run in 1...Self.runs {
                let rates = try await servers.withDatabase { url in
                    try await BenchLog.with(url) { log in
                        try await log.fill(readings: Self.readings)
                        return (try await Self.readAndDecode(log), try await Self.runWorkflows(log))
                    }
                }
                reading.add(rates.0)
                rate.add(rates.1)
                progress("workflows: run \(run) of \(Self.runs)")
            }
            try report(Measure("workflows.\(BenchLog.devices).reading", unit: "events/s", of: rate, beside: reading))

            var (tether, follower) = (Samples(), Samples())
            for run in 1...Self.runs {
                let latencies = try await servers.withDatabase { url in
                    try await BenchLog.with(url) { log in try await Self.followReadings(log) }
                }
                tether.add(latencies.runner)
                follower.add(latencies.follower)
                progress("tether: run \(run) of \(Self.runs)")
            }
            try report(Measure("workflows.\(Self.pace).tether", unit: "ms", of: tether, beside: follower))
        }
    }

    private static func readAndDecode(_ log: BenchLog) async throws -> Double {
        let head = try await log.store.head().position
        let start = ContinuousClock.now
        var (position, events) = (Int64(0), 0)
        while position < head {
            let page = try await log.store.readLog(after: position, where: .everything, limit: 1_000)
            for event in page.events where try FleetEvent(event) != nil { events += 1 }
            position = page.end
        }
        return Double(events) / ((.now - start) / .seconds(1))
    }

    private static func runWorkflows(_ log: BenchLog) async throws -> Double {
        let head = try await log.store.head().position
        return try await log.withRunner { happenings in
            var start = ContinuousClock.now
            for await happening in happenings {
                if case .began = happening { start = .now }
                if case .recorded(let step) = happening, step.position >= head { break }
            }
            return Double(head) / ((.now - start) / .seconds(1))
        }
    }

    /// How long after a reading its decision is recorded, and how long after it a follower that does nothing else has
    /// read it: the 99th percentiles, in milliseconds.
    private static func followReadings(_ log: BenchLog) async throws -> (runner: Double, follower: Double) {
        let follower = try await log.withRunner { _ in
            try await withThrowingTaskGroup(of: Latencies?.self) { group in
                group.addTask { try await follow(log) }
                group.addTask {
                    try await write(log, seconds: 15)
                    return nil
                }
                // The writer ends; the follower is stopped and answers.
                var answer = Latencies()
                while let latencies = try await group.next() {
                    if let latencies { answer = latencies }
                    group.cancelAll()
                }
                // The runner has a moment for the last readings; what it does not reach in it is not measured.
                try await Task.sleep(for: .seconds(2))
                return answer
            }
        }
        let percentile = Statement(
            "reaction time",
            """
            select count(*), coalesce(percentile_cont(0.99) within group (
                order by extract(epoch from recorded_time - observed_time)::float8), 0) * 1000
            from events where category = 'workflow'
            """)
        let row = try await log.pool.withConnection { try await $0.query(percentile()).first }
        guard let row, try row.int8(0) > 100 else { throw BenchmarkFailed("the workflows decided nothing") }
        return (try row.float8(1), follower.percentile(99))
    }

    private static func write(_ log: BenchLog, seconds: Int) async throws {
        let batch = pace / 40
        let start = ContinuousClock.now
        for number in 0..<(seconds * 40) {
            try await Task.sleep(until: start + .milliseconds(25 * number), clock: .continuous)
            let first = number * batch % BenchLog.devices
            try await log.append(first..<first + batch, version: 1 + Int64(number * batch / BenchLog.devices)) {
                $0.isMultiple(of: 20)
            }
        }
    }

    private static func follow(_ log: BenchLog) async throws -> Latencies {
        var latencies = Latencies()
        let subscription = Subscription(to: log.store, where: .everything)
        var position: Int64 = 0
        while !Task.isCancelled {
            guard let page = try? await subscription.page(after: position) else { break }
            let now = Timestamp.now()
            for event in page.events where event.type == "TelemetryRecorded" {
                latencies.add((now - event.recordedTime) / .milliseconds(1))
            }
            position = page.end
        }
        return latencies
    }
}

/// Times in milliseconds.
struct Latencies: Sendable {
    private var values: [Double] = []

    mutating func add(_ value: Double) { values.append(value) }

    func percentile(_ percent: Int) -> Double {
        let sorted = values.sorted()
        return sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, sorted.count * percent / 100)]
    }
}
