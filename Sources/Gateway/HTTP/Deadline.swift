import HTTPTypes

/// Runs `work` and answers 504 if it takes longer than `limit`.
func withDeadline<Value: Sendable>(
    _ limit: Duration, _ work: @escaping @Sendable () async throws(Problem) -> Value
) async throws(Problem) -> Value {
    let (answers, answer) = AsyncStream<Result<Value, Problem>>.makeStream(bufferingPolicy: .bufferingOldest(1))
    // Not a child task: an append is awaited to its end even when nobody waits for the answer any more, and a child
    // would keep its parent.
    let working = Task {
        do throws(Problem) {
            answer.yield(.success(try await work()))
        } catch {
            answer.yield(.failure(error))
        }
    }
    // Likewise, so that the fast answer does not wait for the clock.
    let timing = Task {
        if (try? await Task.sleep(for: limit)) != nil { answer.yield(.failure(.timeout)) }
    }
    defer {
        timing.cancel()
        working.cancel()
    }
    for await answer in answers { return try answer.get() }
    throw .timeout
}
