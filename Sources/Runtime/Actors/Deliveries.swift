internal import Synchronization

/// The answers to commands that were delivered together; they come one aggregate after the other.
package final class Deliveries<D: Decider>: Sendable {
    private struct State {
        var results: [[CommandResult<D>]]
        var missing: Int
        var reader: CheckedContinuation<[[CommandResult<D>]], Never>?
    }
    private let state: Mutex<State>

    init(_ count: Int) {
        state = Mutex(State(results: [[CommandResult<D>]](repeating: [], count: count), missing: count))
    }

    /// All of them, as the commands lie; to be asked for once.
    package var results: [[CommandResult<D>]] {
        get async {
            await withCheckedContinuation { reader in
                let complete = state.withLock { state -> [[CommandResult<D>]]? in
                    if state.missing == 0 { return state.results }
                    state.reader = reader
                    return nil
                }
                if let complete { reader.resume(returning: complete) }
            }
        }
    }

    func answer(_ results: [CommandResult<D>], at index: Int) {
        let complete = state.withLock {
            state -> (CheckedContinuation<[[CommandResult<D>]], Never>, [[CommandResult<D>]])? in
            state.results[index] = results
            state.missing -= 1
            guard state.missing == 0, let reader = state.reader else { return nil }
            return (reader, state.results)
        }
        if let (reader, results) = complete { reader.resume(returning: results) }
    }
}
