/// Proves over the stored log that nothing was left out, doubled or reordered.
package struct LogAudit: Sendable {
    package enum Finding: Sendable, Hashable, CustomStringConvertible {
        case gap(expected: Int64, found: Int64)
        case versionGap(stream: StreamName, expected: Int64, found: Int64, position: Int64)
        case timeTurnedBack(position: Int64)
        case unreadable(position: Int64, reason: String)
        case headDiffers(head: Int64, last: Int64)
        case snapshotDiffers(stream: StreamName, version: Int64)

        package var description: String {
            switch self {
            case .gap(let expected, let found): "position \(expected) is missing; the next one is \(found)"
            case .versionGap(let stream, let expected, let found, let position):
                "stream \(stream) has version \(found) at position \(position) where \(expected) belongs"
            case .timeTurnedBack(let position): "the recorded time turns back at position \(position)"
            case .unreadable(let position, let reason):
                "the event at position \(position) cannot be read: \(reason)"
            case .headDiffers(let head, let last): "the head says \(head), the last event is at \(last)"
            case .snapshotDiffers(let stream, let version):
                "the snapshot of \(stream) at version \(version) differs from a fold of its events"
            }
        }
    }

    package struct Report: Sendable {
        package var events: Int64 = 0
        package var streams = 0
        package var snapshots = 0
        /// The first hundred.
        package var findings: [Finding] = []

        package mutating func note(_ finding: Finding) {
            if findings.count < 100 { findings.append(finding) }
        }
    }

    /// What is known of one category: how to read its events, and how to check a snapshot of it.
    package struct Subject: Sendable {
        let category: String
        let decode: @Sendable (RecordedEvent) throws(EventCodecError) -> Void
        let matches: @Sendable (Snapshot, any EventStore) async throws -> Bool

        package init<D: Decider>(_ decider: D.Type) {
            category = D.category
            decode = { event throws(EventCodecError) in _ = try D.codec.decode(event) }
            matches = { snapshot, store in
                // A snapshot that this program does not read is ignored by the actors as well.
                guard let remembered = AggregateMemory<D>(snapshot) else { return true }
                var memory = AggregateMemory<D>()
                while memory.version < snapshot.version {
                    let events = try await store.readStream(
                        snapshot.stream, from: memory.version + 1, limit: 1_000)
                    if events.isEmpty { return false }
                    for event in events where event.version <= snapshot.version { try memory.fold(event) }
                }
                return memory == remembered
            }
        }
    }

    private let store: any EventStore
    private let snapshots: any SnapshotStore
    private let subjects: [String: Subject]
    /// Streams whose snapshot is compared with a fold.
    private let sample: Int

    package init(
        of store: any EventStore, snapshots: any SnapshotStore, subjects: [Subject], sample: Int = 1_000
    ) {
        self.store = store
        self.snapshots = snapshots
        self.subjects = Dictionary(subjects.map { ($0.category, $0) }, uniquingKeysWith: { first, _ in first })
        self.sample = sample
    }

    /// Reads the log from its first event to the head that it finds at the beginning.
    package func run(_ progress: @Sendable (_ position: Int64, _ head: Int64) -> Void) async throws -> Report {
        let head = try await store.head().position
        var report = Report()
        var versions: [StreamName: Int64] = [:]
        var position: Int64 = 0
        var time = Timestamp(microseconds: 0)
        while position < head {
            let page = try await store.readLog(after: position, where: .everything, limit: 5_000)
            for event in page.events where event.position <= head {
                if event.position != position + 1 {
                    report.note(.gap(expected: position + 1, found: event.position))
                }
                let expected = versions[event.stream, default: 0] + 1
                if event.version != expected {
                    report.note(
                        .versionGap(
                            stream: event.stream, expected: expected, found: event.version,
                            position: event.position))
                }
                if event.recordedTime < time { report.note(.timeTurnedBack(position: event.position)) }
                do {
                    try subjects[event.stream.category]?.decode(event)
                } catch {
                    report.note(.unreadable(position: event.position, reason: String(describing: error)))
                }
                versions[event.stream] = event.version
                time = event.recordedTime
                position = event.position
                report.events += 1
            }
            progress(position, head)
            if page.events.isEmpty { break }
        }
        if position != head { report.note(.headDiffers(head: head, last: position)) }
        report.streams = versions.count
        try await checkSnapshots(of: versions.keys, into: &report)
        return report
    }

    private func checkSnapshots(
        of streams: some Collection<StreamName>, into report: inout Report
    ) async throws {
        for stream in streams.shuffled().prefix(sample) {
            guard let subject = subjects[stream.category], let snapshot = try await snapshots.latest(of: stream) else {
                continue
            }
            report.snapshots += 1
            if try await !subject.matches(snapshot, store) {
                report.note(.snapshotDiffers(stream: stream, version: snapshot.version))
            }
        }
    }
}
