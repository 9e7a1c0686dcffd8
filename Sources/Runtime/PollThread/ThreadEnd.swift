import Synchronization

/// Where others wait until a thread is through with its work.
///
/// A program that returns while a C library still works on a thread has its memory cleaned up under that thread's hands,
/// and may end with a signal after all was done.
package final class ThreadEnd: Sendable {
    private struct State {
        var isReached = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }
    private let state = Mutex(State())

    package init() {}

    /// To be called by the thread, as the last that it does.
    package func reach() {
        let waiters = state.withLock { state in
            defer { state.waiters = [] }
            state.isReached = true
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    package func wait() async {
        await withCheckedContinuation { continuation in
            let isReached = state.withLock { state in
                if !state.isReached { state.waiters.append(continuation) }
                return state.isReached
            }
            if isReached { continuation.resume() }
        }
    }
}
