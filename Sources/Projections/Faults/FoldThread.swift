import Dispatch
import Runtime
import Synchronization

/// Runs the code of a view where it holds nobody up, so that it can be given up if it does not return.
///
/// A thread that is given up is lost for as long as the process runs: there is no way to stop it.
final class FoldThread: Sendable {
    private struct State {
        var queue = DispatchQueue(label: "fold")
        var lost = 0
    }
    private let state = Mutex(State())

    /// How many threads were lost.
    var lost: Int { state.withLock { $0.lost } }

    /// What `work` returns; nil if it has been at one event for longer than `limit`.
    func run<Value: Sendable>(
        within limit: Duration, _ watch: FoldWatch, _ work: @escaping @Sendable () -> Value
    ) async -> Value? {
        let answer = Answer<Value>()
        state.withLock { $0.queue }.async { answer.give(work()) }
        return await withTaskGroup(of: Value?.self) { group in
            group.addTask {
                await withTaskCancellationHandler {
                    await answer.value()
                } onCancel: {
                    _ = answer.giveUp()
                }
            }
            group.addTask {
                var last = watch.position
                while (try? await Task.sleep(for: limit)) != nil {
                    let now = watch.position
                    if now == last {
                        if answer.giveUp() { self.replace() }
                        break
                    }
                    last = now
                }
                return nil
            }
            var value: Value?
            for await result in group {
                if let result { value = result }
                group.cancelAll()
            }
            return value
        }
    }

    private func replace() {
        state.withLock { state in
            state.queue = DispatchQueue(label: "fold")
            state.lost += 1
        }
    }

    private final class Answer<Value: Sendable>: Sendable {
        private enum State {
            case open
            case waited(CheckedContinuation<Value?, Never>)
            case given(Value?)
        }
        private let state = Mutex(State.open)

        func value() async -> Value? {
            await withCheckedContinuation { continuation in
                let ready = state.withLock { state -> Value?? in
                    if case .given(let value) = state { return .some(value) }
                    state = .waited(continuation)
                    return nil
                }
                if let ready { continuation.resume(returning: ready) }
            }
        }

        func give(_ value: Value) { _ = settle(value) }
        func giveUp() -> Bool { settle(nil) }

        /// False if somebody was faster.
        private func settle(_ value: Value?) -> Bool {
            let (waiting, isFirst) = state.withLock { state -> (CheckedContinuation<Value?, Never>?, Bool) in
                switch state {
                case .given: return (nil, false)
                case .open:
                    state = .given(value)
                    return (nil, true)
                case .waited(let continuation):
                    state = .given(value)
                    return (continuation, true)
                }
            }
            waiting?.resume(returning: value)
            return isFirst
        }
    }
}

/// At which event a fold is.
final class FoldWatch: Sendable {
    private let current = Atomic<Int64>(0)

    var position: Int64 { current.load(ordering: .relaxed) }
    func begin(_ position: Int64) { current.store(position, ordering: .relaxed) }
}
