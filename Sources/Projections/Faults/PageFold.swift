import Runtime

/// Folds events onto rows, each stream in order. One that cannot be taken in stops its stream and no other.
struct PageFold<P: WideProjection>: Sendable {
    var rows = ViewRows<P.Row>()
    /// The streams that stand still, by id, and those of them that came to it here.
    private(set) var waiting: Set<String>
    private(set) var failures: [StuckEntity] = []
    /// Nil if nobody asks.
    private(set) var lateness: Lateness?
    /// The positions of events that are not to be tried, and why.
    private var barred: [Int64: String] = [:]
    let bounds: FoldBounds

    /// - Parameters:
    ///   - stuck: what stands still, or will as soon as it comes to its event.
    ///   - position: up to where events were folded.
    init(stuck: [StuckEntity] = [], after position: Int64 = 0, bounds: FoldBounds, measuresLateness: Bool = false) {
        lateness = measuresLateness ? Lateness() : nil
        waiting = Set(stuck.filter { $0.position <= position }.map(\.id))
        self.bounds = bounds
        for later in stuck where later.position > position { barred[later.position] = later.reason }
    }

    mutating func fold(_ events: [RecordedEvent], watch: FoldWatch? = nil) {
        for event in events where waiting.isEmpty || !waiting.contains(event.stream.id) {
            if let reason = barred[event.position] {
                stop(event, reason)
                continue
            }
            watch?.begin(event.position)
            do throws(EventCodecError) {
                let count = P.isNarrow ? 1 : try P.rowCount(of: event)
                guard count <= bounds.rows else {
                    stop(event, "it concerns \(count) rows, more than \(bounds.rows)")
                    continue
                }
                let late = lateness == nil ? nil : P.lateness(of: event, onto: rows)
                try P.evolve(&rows, with: event)
                if let late { lateness?.add(late) }
            } catch {
                stop(event, String(describing: error))
            }
        }
    }

    /// The stream's events up to it are folded, and it is not tried.
    mutating func bar(_ event: RecordedEvent, _ reason: String) { barred[event.position] = reason }

    private mutating func stop(_ event: RecordedEvent, _ reason: String) {
        waiting.insert(event.stream.id)
        failures.append(StuckEntity(at: event, reason))
    }

    mutating func forgetFailures() { failures = [] }

    /// The ids that the events concern, as far as the code can say.
    static func ids(of events: [RecordedEvent]) -> [String] {
        var ids: Set<String> = []
        // What cannot be taken in is met again when it is folded.
        for event in events { if let own = try? P.ids(of: event) { ids.formUnion(own) } }
        return ids.sorted()
    }
}
