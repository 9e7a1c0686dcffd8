import Synchronization

extension PollThread {
    package enum WaitFailure: Error, Sendable {
        case timedOut, cancelled, shutDown
        /// The descriptor cannot be polled, or somebody waits for it already.
        case refused
    }

    /// Waits until `descriptor` is ready for some of `interest`.
    package func readiness(
        of descriptor: Int32, for interest: Readiness, deadline: ContinuousClock.Instant? = nil
    ) async throws(WaitFailure) -> Readiness {
        let answer = Answer()
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                answer.await(continuation)
                let token = watch(descriptor, for: interest) { ready in
                    answer.give(ready.map { .success($0) } ?? .failure(.shutDown))
                }
                guard let token else { return answer.give(.failure(.refused)) }
                answer.atEnd { self.unwatch(token) }
                guard let deadline else { return }
                let timer = schedule(at: deadline) { answer.give(.failure(.timedOut)) }
                answer.atEnd { self.cancel(timer) }
            }
        } onCancel: {
            answer.give(.failure(.cancelled))
        }
        return try outcome.get()
    }

    /// The first answer wins: readiness, deadline and cancellation come from three directions.
    private final class Answer: Sendable {
        typealias Outcome = Result<Readiness, WaitFailure>

        private struct State {
            var outcome: Outcome?
            var continuation: CheckedContinuation<Outcome, Never>?
            var cleaning: [@Sendable () -> Void] = []
        }

        private let state = Mutex(State())

        func await(_ continuation: CheckedContinuation<Outcome, Never>) {
            let outcome = state.withLock { state in
                if state.outcome == nil { state.continuation = continuation }
                return state.outcome
            }
            if let outcome { continuation.resume(returning: outcome) }
        }

        func atEnd(_ clean: @escaping @Sendable () -> Void) {
            let over = state.withLock { state in
                if state.outcome == nil { state.cleaning.append(clean) }
                return state.outcome != nil
            }
            if over { clean() }
        }

        func give(_ outcome: Outcome) {
            let (continuation, cleaning) = state.withLock { state in
                guard state.outcome == nil else {
                    return (nil, []) as (CheckedContinuation<Outcome, Never>?, [@Sendable () -> Void])
                }
                state.outcome = outcome
                let taken = (state.continuation, state.cleaning)
                state.continuation = nil
                state.cleaning = []
                return taken
            }
            for clean in cleaning { clean() }
            continuation?.resume(returning: outcome)
        }
    }
}
