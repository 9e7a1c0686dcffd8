import Synchronization

/// Wakes those who follow the log; a lost signal costs time only, since each follower also polls.
package final class LogSignal: Sendable {
    private struct Waiter {
        let position: Int64
        let category: String?
        let continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        var position: Int64 = 0
        /// Up to where events of any category may lie.
        var unknown: Int64 = 0
        /// Where each category was heard of, as far as that lies behind `unknown`.
        var categories: [String: Int64] = [:]
        var nextKey: UInt64 = 0
        var waiters: [UInt64: Waiter] = [:]

        func position(of category: String?) -> Int64 {
            guard let category else { return position }
            return max(unknown, categories[category] ?? 0)
        }

        /// Those whose wait is over, in the order in which they came.
        mutating func takeReady() -> [CheckedContinuation<Void, Never>] {
            let ready = waiters.filter { position(of: $0.value.category) > $0.value.position }
            for key in ready.keys { waiters[key] = nil }
            return ready.sorted { $0.key < $1.key }.map(\.value.continuation)
        }
    }
    private let state = Mutex(State())
    private let clock: any Clock<Duration>

    package init(clock: any Clock<Duration> = ContinuousClock()) { self.clock = clock }

    /// The highest position heard of.
    package var position: Int64 { state.withLock { $0.position } }

    /// Tells all waiters that the log has reached `position`, by events of no matter which category.
    package func advance(to position: Int64) {
        let woken = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            guard position > state.position else { return [] }
            state.position = position
            state.unknown = position
            state.categories.removeAll(keepingCapacity: true)
            return state.takeReady()
        }
        for waiter in woken { waiter.resume() }
    }

    /// Tells that the log has grown from behind `start` up to `end`, by events of these categories only.
    ///
    /// Whoever waits for another category goes on waiting. If `start` lies behind all that was heard of, others have
    /// appended before it, and everybody is woken.
    package func advance(from start: Int64, to end: Int64, by categories: Set<String>) {
        let woken = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            guard end > state.position else { return [] }
            if start > state.position { state.unknown = start }
            state.position = end
            for category in categories { state.categories[category] = end }
            return state.takeReady()
        }
        for waiter in woken { waiter.resume() }
    }

    /// Whether something was heard, but nothing of the category behind `position`.
    package func isQuiet(in category: String, past position: Int64) -> Bool {
        state.withLock { $0.position > 0 && $0.position(of: category) <= position }
    }

    /// Returns when the log is heard to have passed `position`, after `limit`, or when the task is cancelled.
    ///
    /// - Parameter category: waits for events of this one only; of any if nil.
    package func wait(past position: Int64, in category: String? = nil, atMost limit: Duration) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.wait(past: position, in: category) }
            group.addTask { [clock] in try? await clock.sleep(for: limit) }
            await group.next()
            group.cancelAll()
        }
    }

    private func wait(past position: Int64, in category: String?) async {
        let key = state.withLock { state in
            state.nextKey += 1
            return state.nextKey
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let ready = state.withLock { state in
                    if state.position(of: category) > position || Task.isCancelled { return true }
                    state.waiters[key] = Waiter(position: position, category: category, continuation: continuation)
                    return false
                }
                if ready { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: key) }?.continuation.resume()
        }
    }
}
