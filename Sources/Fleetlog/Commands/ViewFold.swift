import Projections
import Runtime

/// A view takes in every event of its streams.
struct ViewFold<P: WideProjection>: StreamLaw {
    var category: String? { P.category }
    private var rows = ViewRows<P.Row>()

    init(_ projection: P.Type) {}

    mutating func begin(
        _ stream: StreamName, floor: Int64, snapshots: [Snapshot], _ findings: inout AuditFindings
    ) {
        rows = ViewRows()
    }

    mutating func take(_ event: RecordedEvent, _ findings: inout AuditFindings) {
        do {
            try P.evolve(&rows, with: event)
        } catch {
            findings.note(.init(.views, at: event, "the view \(P.name) cannot take it in: \(error)"))
        }
    }
}
