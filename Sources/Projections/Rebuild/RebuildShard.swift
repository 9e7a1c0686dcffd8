import Runtime

/// The rows of some of a view's streams, folded in memory while a generation is built.
///
/// Streams are dealt to shards by their hash, so each stream's events stay in order and shards need not know each other.
actor RebuildShard<P: WideProjection> {
    private var rows: [String: P.Row] = [:]
    private var changed: Set<String> = []
    /// Ids of which it is known that nothing is stored.
    private var isComplete: Bool

    /// - Parameter isComplete: nothing is stored of the generation yet, so what is not here does not exist.
    init(isComplete: Bool) { self.isComplete = isComplete }

    var rowCount: Int { rows.count }

    /// The ids that must be read before these events can be folded.
    func missing(for events: [RecordedEvent]) throws(EventCodecError) -> [String] {
        if isComplete { return [] }
        var missing: Set<String> = []
        for event in events {
            for id in try P.ids(of: event) where rows[id] == nil { missing.insert(id) }
        }
        return missing.sorted()
    }

    /// Folds the events in order, onto what is here and what was read of the missing ones.
    ///
    /// - Throws: ``RebuildError/unreadable(position:reason:)``
    func fold(_ events: [RecordedEvent], onto stored: [P.Row]) throws(RebuildError) {
        for row in stored { rows[P.id(of: row)] = row }
        for event in events {
            do throws(EventCodecError) {
                try P.evolve(&rows, with: event)
                for id in try P.ids(of: event) { changed.insert(id) }
            } catch {
                throw .unreadable(position: event.position, reason: String(describing: error))
            }
        }
    }

    /// What was folded since the last time, by id.
    func takeChanged() -> [P.Row] {
        defer { changed.removeAll(keepingCapacity: true) }
        return changed.sorted().compactMap { rows[$0] }
    }

    /// Gives its memory back; what is needed again is read again.
    func forget() {
        rows = [:]
        isComplete = false
    }
}
