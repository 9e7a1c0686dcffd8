package import Logging
import Metrics
import ServiceLifecycle

/// Folds the streams of a few actors that are awake anew, from time to time, and raises an alarm if one of them
/// remembers anything else than its events, or if its snapshot does.
package struct DriftWatch: Service {
    /// The actors of one kind.
    package struct Subject: Sendable {
        let check: @Sendable (_ sample: Int, _ budget: Int64) async throws(EventStoreError) -> DriftOutcome

        package init<D: Decider>(
            _ directory: Directory<D>, store: any EventStore, snapshots: any SnapshotStore
        ) {
            let drift = DriftCheck(D.self, store: store, snapshots: snapshots)
            check = { sample, budget throws(EventStoreError) in
                var sum = DriftOutcome()
                for (id, memory) in await directory.awakeMemories(sample) {
                    sum.add(
                        try await drift.check(
                            StreamName(category: D.category, id: id), awake: memory, budget: budget - sum.events))
                }
                return sum
            }
        }
    }

    private let subjects: [Subject]
    private let interval: Duration?
    private let sample: Int
    private let budget: Int64
    private let logger: Logger
    private let compared = Counter(label: "fleetlog_snapshot_drift_checks_total")
    private let drifted = Counter(label: "fleetlog_snapshot_drift_total")

    /// - Parameters:
    ///   - interval: between two rounds; no rounds if nil.
    ///   - sample: streams of each kind a round.
    ///   - budget: events of each kind that a round may fold.
    package init(
        _ subjects: [Subject], interval: Duration?, sample: Int = 5, budget: Int64 = 10_000, logger: Logger
    ) {
        self.subjects = subjects
        self.interval = interval
        self.sample = sample
        self.budget = budget
        self.logger = logger
        // Shown from the start, so that an alarm on its rise misses nothing.
        compared.increment(by: 0)
        drifted.increment(by: 0)
    }

    /// Goes round until graceful shutdown.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            // Whoever returns ends the server, so without rounds it waits all the same.
            while (try? await Task.sleep(for: interval ?? .seconds(3_600))) != nil {
                if interval != nil { await round() }
            }
        }
    }

    /// One round; returns what it found.
    @discardableResult
    package func round() async -> [AuditFinding] {
        var findings: [AuditFinding] = []
        for subject in subjects {
            do throws(EventStoreError) {
                let outcome = try await subject.check(sample, budget)
                compared.increment(by: outcome.compared)
                findings += outcome.findings
            } catch {
                logger.debug("A drift check waits for the log", metadata: ["reason": "\(error.debugDescription)"])
            }
        }
        for finding in findings {
            drifted.increment()
            logger.error(
                "What is remembered of a stream differs from its events",
                metadata: [
                    "stream": "\(finding.stream ?? "")", "version": "\(finding.version ?? 0)",
                    "problem": "\(finding.problem)",
                ])
        }
        return findings
    }
}
