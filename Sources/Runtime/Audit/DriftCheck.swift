/// What folds of streams came to.
package struct DriftOutcome: Sendable {
    package var events: Int64 = 0
    /// Snapshots and actors that were compared.
    package var compared = 0
    package var findings: [AuditFinding] = []

    package init() {}

    package mutating func add(_ other: DriftOutcome) {
        events += other.events
        compared += other.compared
        findings += other.findings
    }
}

/// Folds single streams anew, and compares what is remembered of them: by an actor that is awake, and in snapshots.
package struct DriftCheck<D: Decider>: Sendable {
    private let store: any EventStore
    private let snapshots: any SnapshotStore

    package init(_ decider: D.Type, store: any EventStore, snapshots: any SnapshotStore) {
        self.store = store
        self.snapshots = snapshots
    }

    /// Folds the stream up to what is remembered, from its first event; from its snapshot where that is more than
    /// `budget` events, which then proves the actor only.
    ///
    /// - Parameter awake: what the stream's actor remembers; nil if it sleeps.
    /// - Throws: ``EventStoreError``.
    package func check(
        _ stream: StreamName, awake: AggregateMemory<D>? = nil, budget: Int64 = .max
    ) async throws(EventStoreError) -> DriftOutcome {
        var outcome = DriftOutcome()
        let snapshot = try await snapshots.latest(of: stream)
        // The actors ignore snapshots of another state version as well.
        let stored = snapshot.flatMap { $0.stateVersion == D.stateVersion ? $0 : nil }
        let remembered = stored.flatMap { AggregateMemory<D>($0) }
        if let stored, remembered == nil {
            outcome.findings.append(finding(stream, stored.version, "the snapshot cannot be read"))
        }
        var memory = AggregateMemory<D>()
        if let floor = try await store.floor(of: stream) {
            // What led there has left the log.
            let base = try await snapshots.newest(
                of: stream, notAfter: floor.version, recordedBy: nil, stateVersion: D.stateVersion)
            guard let base, base.version == floor.version, let state = AggregateMemory<D>(base) else {
                outcome.findings.append(
                    finding(stream, floor.version, "events up to here have left the log, and no state stands for them"))
                return outcome
            }
            memory = state
        }
        var left = [remembered, awake].compactMap(\.self).map(\.version)
        guard let end = left.max() else { return outcome }
        if end > budget {
            guard let remembered, let awake, awake.version >= remembered.version,
                awake.version - remembered.version <= budget
            else { return outcome }
            memory = remembered
            left = [awake.version]
        }
        while true {
            if left.contains(memory.version) {
                if let remembered, remembered.version == memory.version, outcome.events > 0 {
                    outcome.compared += 1
                    if !remembered.agrees(with: memory) {
                        outcome.findings.append(
                            finding(stream, memory.version, "the snapshot differs from a fold of the events"))
                    }
                }
                if let awake, awake.version == memory.version {
                    outcome.compared += 1
                    if !awake.agrees(with: memory) {
                        outcome.findings.append(
                            finding(stream, memory.version, "the actor's memory differs from a fold of the events"))
                    }
                }
                left.removeAll { $0 == memory.version }
            }
            guard let next = left.min() else { return outcome }
            let page = try await store.readStream(
                stream, from: memory.version + 1, after: memory.position, limit: Int(min(1_000, next - memory.version)))
            for event in page {
                do {
                    try memory.fold(event)
                } catch {
                    outcome.findings.append(AuditFinding(.events, at: event, "it cannot be read: \(error)"))
                    return outcome
                }
            }
            outcome.events += Int64(page.count)
            if page.isEmpty || memory.version > next {
                outcome.findings.append(
                    finding(stream, next, "it is remembered, but there is no event of this version"))
                return outcome
            }
        }
    }

    private func finding(_ stream: StreamName, _ version: Int64, _ problem: String) -> AuditFinding {
        AuditFinding(.snapshots, stream: stream.description, version: version, problem)
    }
}
