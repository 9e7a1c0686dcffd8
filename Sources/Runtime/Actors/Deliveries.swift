internal import Synchronization

/// The answers to commands that were delivered together; they come one aggregate after the other.
package final class Deliveries<D: Decider>: Sendable {
    private struct State {
        var results: [[CommandResult<D>]]
        var missing: Int
        var reader: CheckedContinuation<[[CommandResult<D>]], Never>?
    }
    private let state: Mutex<State>

    private let commands: [Int]

    /// - Parameter commands: how many were delivered to each aggregate.
    init(_ commands: [Int]) {
        self.commands = commands
        state = Mutex(
            State(results: [[CommandResult<D>]](repeating: [], count: commands.count), missing: commands.count))
    }

    /// All of them, as the commands lie; to be asked for once.
    ///
    /// Whoever is cancelled meanwhile is told that what has no answer yet is unavailable. It may be stored all the same: a
    /// log whose answer was lost with Postgres is asked again until Postgres is back.
    package var results: [[CommandResult<D>]] {
        get async {
            await withTaskCancellationHandler {
                await withCheckedContinuation { reader in
                    let complete = state.withLock { state -> [[CommandResult<D>]]? in
                        if state.missing == 0 { return state.results }
                        if Task.isCancelled { return withoutMissing(state.results) }
                        state.reader = reader
                        return nil
                    }
                    if let complete { reader.resume(returning: complete) }
                }
            } onCancel: {
                let given = state.withLock {
                    state -> (CheckedContinuation<[[CommandResult<D>]], Never>, [[CommandResult<D>]])? in
                    defer { state.reader = nil }
                    return state.reader.map { ($0, withoutMissing(state.results)) }
                }
                if let (reader, results) = given { reader.resume(returning: results) }
            }
        }
    }

    private func withoutMissing(_ results: [[CommandResult<D>]]) -> [[CommandResult<D>]] {
        zip(results, commands).map { results, count in
            results.isEmpty
                ? [CommandResult<D>](repeating: .failure(.unavailable(reason: "no longer waited for")), count: count)
                : results
        }
    }

    func answer(_ results: [CommandResult<D>], at index: Int) {
        let complete = state.withLock {
            state -> (CheckedContinuation<[[CommandResult<D>]], Never>, [[CommandResult<D>]])? in
            state.results[index] = results
            state.missing -= 1
            guard state.missing == 0, let reader = state.reader else { return nil }
            state.reader = nil
            return (reader, state.results)
        }
        if let (reader, results) = complete { reader.resume(returning: results) }
    }
}
