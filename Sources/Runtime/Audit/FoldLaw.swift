/// Every event of an aggregate can be read, and each snapshot is the fold of the events up to its version.
package struct FoldLaw<D: Decider>: StreamLaw {
    package var category: String? { D.category }
    private var memory = AggregateMemory<D>()
    /// Until an event cannot be read.
    private var isFoldable = true
    private var snapshots: [Int64: Snapshot] = [:]

    package init(_ decider: D.Type) {}

    package mutating func begin(
        _ stream: StreamName, snapshots: [Snapshot], _ findings: inout AuditFindings
    ) {
        memory = AggregateMemory()
        isFoldable = true
        // The actors ignore snapshots of another state version as well.
        self.snapshots = Dictionary(
            snapshots.filter { $0.stateVersion == D.stateVersion }.map { ($0.version, $0) },
            uniquingKeysWith: { first, _ in first })
    }

    package mutating func take(_ event: RecordedEvent, _ findings: inout AuditFindings) {
        do {
            if isFoldable { try memory.fold(event) } else { _ = try D.codec.decode(event) }
        } catch {
            isFoldable = false
            findings.note(.init(.events, at: event, "it cannot be read: \(error)"))
        }
        guard isFoldable, let snapshot = snapshots[event.version] else { return }
        guard let remembered = AggregateMemory<D>(snapshot) else {
            findings.note(.init(.snapshots, at: event, "the snapshot cannot be read"))
            return
        }
        if remembered != memory {
            findings.note(.init(.snapshots, at: event, "the snapshot differs from a fold of the events"))
        }
    }
}
