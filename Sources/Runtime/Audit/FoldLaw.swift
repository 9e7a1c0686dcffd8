/// Every event of an aggregate can be read, and each snapshot is the fold of the events up to its version; behind a floor,
/// of the state there and the events since.
package struct FoldLaw<D: Decider>: StreamLaw {
    package var category: String? { D.category }
    private var memory = AggregateMemory<D>()
    /// Until an event cannot be read.
    private var isFoldable = true
    private var floor: Int64 = 0
    private var snapshots: [Int64: Snapshot] = [:]

    package init(_ decider: D.Type) {}

    package mutating func begin(
        _ stream: StreamName, floor: Int64, snapshots: [Snapshot], _ findings: inout AuditFindings
    ) {
        memory = AggregateMemory()
        isFoldable = true
        self.floor = floor
        if floor > 0 {
            if let base = snapshots.first(where: { $0.version == floor }).flatMap(AggregateMemory<D>.init) {
                memory = base
            } else {
                isFoldable = false
                findings.note(
                    .init(
                        .snapshots, stream: stream.description, version: floor,
                        "events up to here have left the log, and no state stands for them"))
            }
        }
        // The actors ignore snapshots of another state version as well.
        self.snapshots = Dictionary(
            snapshots.filter { $0.stateVersion == D.stateVersion }.map { ($0.version, $0) },
            uniquingKeysWith: { first, _ in first })
    }

    package mutating func take(_ event: RecordedEvent, _ findings: inout AuditFindings) {
        do {
            if isFoldable, event.version > floor { try memory.fold(event) } else { _ = try D.codec.decode(event) }
        } catch {
            isFoldable = false
            findings.note(.init(.events, at: event, "it cannot be read: \(error)"))
        }
        guard isFoldable, event.version > floor, let snapshot = snapshots[event.version] else { return }
        guard let remembered = AggregateMemory<D>(snapshot) else {
            findings.note(.init(.snapshots, at: event, "the snapshot cannot be read"))
            return
        }
        if !remembered.agrees(with: memory) {
            findings.note(.init(.snapshots, at: event, "the snapshot differs from a fold of the events"))
        }
    }
}
