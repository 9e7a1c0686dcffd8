import Synchronization

/// Where a server listens, once it does.
package final class Listening: Sendable {
    private enum State {
        case pending([CheckedContinuation<Int?, Never>])
        case settled(Int?)
    }
    private let state = Mutex(State.pending([]))

    package init() {}

    /// The port, as soon as it is bound; nil if the server ended before.
    package var port: Int? {
        get async {
            await withCheckedContinuation { waiter in
                let known: Int?? = state.withLock { state in
                    switch state {
                    case .settled(let port): return port
                    case .pending(let waiters):
                        state = .pending(waiters + [waiter])
                        return nil
                    }
                }
                if let known { waiter.resume(returning: known) }
            }
        }
    }

    /// Only the first call counts.
    func settle(_ port: Int?) {
        let waiters = state.withLock { state -> [CheckedContinuation<Int?, Never>] in
            guard case .pending(let waiters) = state else { return [] }
            state = .settled(port)
            return waiters
        }
        for waiter in waiters { waiter.resume(returning: port) }
    }
}
