import Aggregates
import Glibc
import Runtime

/// The devices of one rollout, all opened at once, each reporting three times; a hundred of them at a time, as they
/// arrive in a round of the gateway.
struct ReportingDevices {
    private let plan: RolloutPlan
    private let log: BenchLog

    private static let rollout = "bench"
    private static let atOnce = 100
    private static let statuses: [FirmwareReport.Status] = [.downloading, .installing, .succeeded]

    init(count: Int, log: BenchLog) {
        self.log = log
        plan = RolloutPlan(
            account: .default, version: "2.0",
            artifact: FirmwareArtifact(
                url: "http://firmware.example/2.0", sha256: String(repeating: "0", count: 64)),
            devices: (0..<count).map { "bench\($0)" }, groupSize: count, successThreshold: 100, errorThreshold: 0)
    }

    /// Microseconds a report.
    struct Cost: Sendable {
        let time: Double
        /// Of this process; what Postgres needs is not in it.
        let processor: Double
    }

    /// The cost in each quarter of the devices in turn.
    func run() async throws -> [Cost] {
        let snapshots = PostgresSnapshotStore(pool: log.pool, logger: silent)
        let directory = Directory<Rollout>(store: log.store, snapshots: snapshots)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await snapshots.run() }
            defer { group.cancelAll() }
            try await send([.create(plan)], to: directory)
            try await send([.openGroup(0)], to: directory)
            try await send([.markNotified(plan.devices)], to: directory)
            var costs: [Cost] = []
            let quarter = plan.devices.count / 4
            for start in stride(from: 0, to: plan.devices.count, by: quarter) {
                // POSIX counts this clock in microseconds.
                let (begin, processor) = (ContinuousClock.now, clock())
                for first in stride(from: start, to: start + quarter, by: Self.atOnce) {
                    for status in Self.statuses {
                        try await send(
                            plan.devices[first..<first + Self.atOnce].map { device in
                                .report(FirmwareReport(device: device, status: status, version: plan.version))
                            }, to: directory)
                    }
                }
                let reports = Double(quarter * Self.statuses.count)
                costs.append(
                    Cost(
                        time: (.now - begin) / .microseconds(1) / reports,
                        processor: Double(clock() - processor) / reports))
            }
            return costs
        }
    }

    private func send(_ commands: [Rollout.Command], to directory: Directory<Rollout>) async throws {
        let context = CommandContext(time: .now(), principal: .system, scope: .all)
        let envelopes = commands.map { CommandEnvelope<Rollout.Command>(id: .v7(), $0, context: context) }
        for result in await directory.send([(Self.rollout, envelopes)])[0] {
            guard try result.get().effect == .recorded else {
                throw BenchmarkFailed("a report changed nothing")
            }
        }
    }
}
