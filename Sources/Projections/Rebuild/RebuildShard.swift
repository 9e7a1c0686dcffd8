import Runtime
import Synchronization

/// The rows of some of a view's streams, folded in memory while a generation is built.
///
/// Streams are dealt to shards by their hash, so each stream's events stay in order and shards need not know each other.
final class RebuildShard<P: WideProjection>: Sendable {
    /// What was folded since the last time: rows, the ids of those that are to go, and what has come to a stop.
    struct Changes: Sendable {
        /// Rows that the table has under their ids.
        var stored: [P.Row]
        var new: [P.Row]
        var gone: [String]
        var stuck: [StuckEntity]
    }

    private struct State {
        var fold: PageFold<P>
        /// Nothing is stored that is not here.
        var isComplete: Bool
        /// The newest that stored rows are made of, by stream; nil if not all of them were stored from here.
        var newest: [String: Timestamp]?

        /// The rows that the event concerns and that may be stored.
        func ids(of event: RecordedEvent) -> [String] {
            // What cannot be taken in is met again when it is folded.
            guard let newest else { return (try? P.ids(of: event)) ?? [] }
            return (try? P.ids(of: event, after: newest[event.stream.id])) ?? []
        }

        /// The newest that the rows which are here are made of, by stream; nil for rows that are changed for ever.
        var newestHere: [String: Timestamp]? {
            var newest: [String: Timestamp] = [:]
            // The rows of one event lie side by side.
            var last: (stream: String, time: Timestamp)?
            for place in fold.rows.places {
                guard let row = fold.rows[place: place] else { continue }
                guard let life = P.life(of: row) else { return nil }
                if let known = last, known.stream == life.stream {
                    last?.time = max(known.time, life.newest)
                    continue
                }
                if let last { newest[last.stream, default: last.time].become(atLeast: last.time) }
                last = (life.stream, life.newest)
            }
            if let last { newest[last.stream, default: last.time].become(atLeast: last.time) }
            return newest
        }

        /// Gives up rows that were not touched; of those that are yet to change so many may stay.
        mutating func forget(allBut most: Int, as newest: [String: Timestamp]) {
            if self.newest != nil {
                for (stream, time) in newest { self.newest?[stream, default: time].become(atLeast: time) }
            }
            fold.rows.forget(allBut: most) { row in
                guard let life = P.life(of: row), let newest = newest[life.stream] else { return false }
                return life.end > newest
            }
            isComplete = false
        }
    }
    private let state: Mutex<State>
    private let thread = FoldThread()
    private let bounds: FoldBounds

    /// - Parameters:
    ///   - isComplete: nothing is stored of the generation yet, so what is not here does not exist.
    ///   - stuck: what stands still in it, or will.
    ///   - position: up to where events were folded.
    init(isComplete: Bool, stuck: [StuckEntity], after position: Int64, bounds: FoldBounds = FoldBounds()) {
        self.bounds = bounds
        state = Mutex(
            State(
                fold: PageFold(stuck: stuck, after: position, bounds: bounds), isComplete: isComplete,
                newest: isComplete ? [:] : nil))
    }

    var rowCount: Int { state.withLock { $0.fold.rows.count } }

    /// The ids that must be read before these events can be folded.
    func missing(for events: [RecordedEvent]) -> [String] {
        state.withLock { state in
            if state.isComplete { return [] }
            var ids: Set<String> = []
            for event in events {
                for id in state.ids(of: event) where !state.fold.rows.isKnown(id) { ids.insert(id) }
            }
            return ids.sorted()
        }
    }

    /// Folds the events in order, onto what is here and what was read of the missing ones.
    ///
    /// - Returns: the event at which the code did not return, if it did not; the shard is of no use then.
    func fold(_ events: [RecordedEvent], onto stored: [P.Row]) async throws -> RecordedEvent? {
        let watch = FoldWatch()
        let isDone = await thread.run(within: bounds.time, watch) { [self] in
            state.withLock { state in
                for row in stored { state.fold.rows.load(row, id: P.id(of: row)) }
                state.fold.fold(events, watch: watch)
            }
            return true
        }
        if isDone == true { return nil }
        try Task.checkCancellation()
        guard let event = events.first(where: { $0.position == watch.position }) else {
            throw RebuildError.unavailable(reason: "the view's code did not get to begin")
        }
        return event
    }

    func takeChanged() -> Changes {
        state.withLock { state in
            let (stored, new) = state.fold.rows.changedByStorage
            let changes = Changes(stored: stored, new: new, gone: state.fold.rows.gone, stuck: state.fold.failures)
            state.fold.rows.forgetChanges()
            state.fold.forgetFailures()
            return changes
        }
    }

    /// Gives the memory of rows back that have not changed since they were taken; what is needed again is read again.
    ///
    /// - Parameter most: so many of them may stay, if they are those that the next events will change.
    func forget(allBut most: Int = 0) {
        state.withLock { $0.forget(allBut: most, as: $0.newestHere ?? [:]) }
    }

    /// The same of rows that only what comes late will change.
    func forgetWhatIsOver() {
        state.withLock { state in
            guard let newest = state.newestHere else { return }
            state.forget(allBut: .max, as: newest)
        }
    }
}

extension Timestamp {
    fileprivate mutating func become(atLeast other: Timestamp) { self = max(self, other) }
}
