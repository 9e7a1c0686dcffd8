import Runtime
import Synchronization

/// The rows of some of a view's streams, folded in memory while a generation is built.
///
/// Streams are dealt to shards by their hash, so each stream's events stay in order and shards need not know each other.
final class RebuildShard<P: WideProjection>: Sendable {
    private struct State {
        var fold: PageFold<P>
        /// Nothing is stored that is not here.
        var isComplete: Bool
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
        state = Mutex(State(fold: PageFold(stuck: stuck, after: position, bounds: bounds), isComplete: isComplete))
    }

    var rowCount: Int { state.withLock { $0.fold.rows.count } }

    /// The ids that must be read before these events can be folded.
    func missing(for events: [RecordedEvent]) -> [String] {
        state.withLock { state in
            state.isComplete ? [] : PageFold<P>.ids(of: events).filter { !state.fold.rows.isKnown($0) }
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
        return events.first { $0.position == watch.position }
    }

    /// What was folded since the last time: rows, the ids of those that are to go, and what has come to a stop.
    func takeChanged() -> (rows: [P.Row], gone: [String], stuck: [StuckEntity]) {
        state.withLock { state in
            defer {
                state.fold.rows.forgetChanges()
                state.fold.forgetFailures()
            }
            return (state.fold.rows.changed, state.fold.rows.gone, state.fold.failures)
        }
    }

    /// Gives its memory back; what is needed again is read again.
    func forget() {
        state.withLock { state in
            state.fold.rows = ViewRows()
            state.isComplete = false
        }
    }
}
