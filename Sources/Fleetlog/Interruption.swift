import UnixSignals

/// Runs `body`, and cancels it at the first SIGINT or SIGTERM so that it can end in order.
func untilInterrupted<Value: Sendable>(
    _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value?.self) { group in
        group.addTask { try await body() }
        group.addTask {
            for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) { break }
            return nil
        }
        while let outcome = try await group.next() {
            group.cancelAll()
            if let value = outcome { return value }
        }
        throw CancellationError()
    }
}
