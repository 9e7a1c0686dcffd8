import Runtime
import Workflows

/// The runner with the server's workflows over 100,000 devices: its rate beside reading and decoding the same log, and
/// how far it then trails 2,000 readings a second.
struct WorkflowsBenchmark {
    private static let runs = 2
    private static let pace = 2_000
    private static let seconds = 10

    func run(progress: @Sendable (String) -> Void, report: @Sendable (Measure) throws -> Void) async throws {
        try await ThrowawayServers.with { servers in
            let fleet = BenchFleet()
            let filled = try await servers.filled { url in
                try await BenchLog.with(url) { try await $0.fill(with: fleet) }
            }
            progress("workflows: the log is filled")
            var (rate, reading, tether, follower) = (Samples(), Samples(), Samples(), Samples())
            for run in 1...Self.runs {
                let result = try await filled.withDatabase { url in
                    try await BenchLog.with(url) { try await Self.measure($0, fleet) }
                }
                rate.add(result.rate)
                reading.add(result.reading)
                tether.add(result.tether)
                follower.add(result.follower)
                progress("workflows: run \(run) of \(Self.runs)")
            }
            try report(Measure("workflows.\(BenchFleet.devices).reading", unit: "events/s", of: rate, beside: reading))
            try report(Measure("workflows.\(Self.pace).tether", unit: "ms", of: tether, beside: follower))
        }
    }

    private struct Result: Sendable {
        /// Events per second, with and without the workflows.
        var rate, reading: Double
        /// Milliseconds behind a reading, with and without the workflows.
        var tether, follower: Double
    }

    private static func measure(_ log: BenchLog, _ fleet: BenchFleet) async throws -> Result {
        let head = try await log.store.head().position
        let reading = try await readAndDecode(log, upTo: head)
        return try await log.withRunner { happenings in
            var start = ContinuousClock.now
            for await happening in happenings {
                if case .began = happening { start = .now }
                if case .recorded(let step) = happening, step.position >= head { break }
            }
            let rate = Double(head) / ((.now - start) / .seconds(1))
            try await checkDecisions(log)
            let tether = try await followReadings(log, fleet)
            return Result(rate: rate, reading: reading, tether: tether.runner, follower: tether.follower)
        }
    }

    private static func readAndDecode(_ log: BenchLog, upTo head: Int64) async throws -> Double {
        let start = ContinuousClock.now
        var (position, events) = (Int64(0), 0)
        while position < head {
            let page = try await log.store.readLog(after: position, where: .everything, limit: 1_000)
            for event in page.events where try FleetEvent(event) != nil { events += 1 }
            position = page.end
        }
        return Double(events) / ((.now - start) / .seconds(1))
    }

    /// How long after a reading the decision on it is recorded, and how long after it a follower that does nothing else
    /// has read it: the 99th percentiles, in milliseconds.
    private static func followReadings(
        _ log: BenchLog, _ fleet: BenchFleet
    ) async throws -> (runner: Double, follower: Double) {
        // What the runner itself appended is read first.
        let head = try await log.store.head().position
        let follower = try await withThrowingTaskGroup(of: Latencies?.self) { group in
            group.addTask { try await follow(log, after: head) }
            group.addTask {
                try await write(fleet, to: log)
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
        let reaction = Statement(
            "reaction time",
            """
            select count(*), coalesce(percentile_cont(0.99) within group (
                order by extract(epoch from recorded_time - observed_time)::float8), 0) * 1000
            from events where type = 'DeviceOverheated' and position > $1
            """)
        let row = try await log.pool.withConnection { try await $0.query(reaction(.int8(head))).first }
        guard let row, try row.int8(0) > 100 else { throw BenchmarkFailed("the workflows decided nothing") }
        return (try row.float8(1), follower.percentile(99) / .milliseconds(1))
    }

    /// Every alert has been raised and cleared, the rollout was seen to its end, and nothing waits for the runner.
    private static func checkDecisions(_ log: BenchLog) async throws {
        let decided = Statement(
            "decided",
            """
            select count(*) filter (where type = 'DeviceOverheated'), count(*) filter (where type = 'DeviceCooledDown'),
                count(*) filter (where type = 'RolloutGroupDue'), count(*) filter (where type = 'RolloutCompleted')
            from events where category = 'workflow'
            """)
        let counts = try await log.pool.withConnection { connection in
            try await connection.query(decided()).first.map { row in try (0...3).map { try row.int8($0) } }
        }
        let hot = Int64(BenchFleet.devices / 20)
        guard counts == [hot, hot, 10, 1] else { throw BenchmarkFailed("the workflows decided \(counts ?? [])") }
        let waiting = Statement("waiting commands", "select count(*) from workflow_outbox")
        while try await log.pool.withConnection({ try await $0.query(waiting()).first?.int8(0) }) != 0 {
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    private static func write(_ fleet: BenchFleet, to log: BenchLog) async throws {
        let batch = pace / 40
        let start = ContinuousClock.now
        for number in 0..<(seconds * 40) {
            try await Task.sleep(until: start + .milliseconds(25 * number), clock: .continuous)
            try await log.append(
                (number * batch..<(number + 1) * batch).map { fleet.reading(BenchFleet.readings + 1, of: $0) })
        }
    }

    private static func follow(_ log: BenchLog, after head: Int64) async throws -> Latencies {
        var latencies = Latencies()
        let subscription = Subscription(to: log.store, where: .everything)
        var position = head
        while !Task.isCancelled {
            guard let page = try? await subscription.page(after: position) else { break }
            let now = Timestamp.now()
            for event in page.events where event.type == "TelemetryRecorded" {
                latencies.add(now - event.recordedTime)
            }
            position = page.end
        }
        return latencies
    }
}
