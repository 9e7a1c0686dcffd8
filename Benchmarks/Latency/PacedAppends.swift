import Runtime

/// Appends through the event store at their times; as many wait for answers at once as have to.
struct PacedAppends: Sendable {
    let pace: Pace

    func run(on url: String) async throws -> Latencies {
        let appends = pace.appends
        return try await BenchLog.with(url) { log in
            try await withThrowingTaskGroup(of: Duration?.self) { group in
                let begin = ContinuousClock.now
                for (number, append) in appends.enumerated() {
                    let due = begin + pace.delay(of: number)
                    try await Task.sleep(until: due, clock: .continuous)
                    group.addTask {
                        try await log.append(append.changes)
                        return pace.isCounted(number) ? .now - due : nil
                    }
                }
                return try await group.reduce(into: Latencies()) { latencies, taken in
                    if let taken { latencies.add(taken) }
                }
            }
        }
    }
}
