package struct NeverHappened: Error, CustomStringConvertible {
    package let description: String
}

/// Waits until `condition` holds, asking again and again: for what publishes no event that could be awaited.
///
/// The limit is for what never happens; it is long, so that a busy machine alone fails no test.
package func eventually(
    within limit: Duration = .seconds(60), _ what: String = "the condition",
    every pause: Duration = .milliseconds(10), file: String = #fileID, line: Int = #line,
    _ condition: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < deadline else {
            throw NeverHappened(description: "\(what) did not hold within \(limit) (\(file):\(line))")
        }
        try await Task.sleep(for: pause)
    }
}
