import Runtime

/// The event store under writers that each append one event at a time to a stream of their own, in a closed loop.
struct StoreWriters {
    let writers: Int
    let time: Duration
    /// The number of the first one, so that others can have written before.
    var firstWriter = 0

    struct Result {
        let events: Int
        let perSecond: Double
    }

    func run(on url: String) async throws -> Result {
        let url = try DatabaseURL(url)
        let thread = try PollThread(name: "bench-append")
        defer { thread.shutdown() }
        let pool = PostgresPool(url: url, size: 2, threads: [thread], logger: silent)
        defer { pool.close() }
        let store = PostgresEventStore(url: url, pool: pool, thread: thread, logger: silent)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await store.run() }
            defer { group.cancelAll() }
            try await warmUp(store)
            return try await measure(store)
        }
    }

    private func measure(_ store: PostgresEventStore) async throws -> Result {
        let begin = ContinuousClock.now
        let end = begin + time
        let events = try await withThrowingTaskGroup(of: Int64.self) { group in
            for writer in firstWriter..<firstWriter + writers {
                group.addTask {
                    let sample = SampleEvents()
                    var version: Int64 = 0
                    while ContinuousClock.now < end {
                        let outcome = try await store.append(sample.append(of: writer, version: version + 1))
                        guard case .accepted = outcome else { throw BenchmarkFailed("the store answered a conflict") }
                        version += 1
                    }
                    return version
                }
            }
            return try await group.reduce(0, +)
        }
        return Result(events: Int(events), perSecond: Double(events) / ((.now - begin) / .seconds(1)))
    }

    /// The connection is open and the statements are prepared when the clock starts, as they are in a server.
    private func warmUp(_ store: PostgresEventStore) async throws {
        for version in 1...20 as ClosedRange<Int64> {
            _ = try await store.append(SampleEvents().append(of: firstWriter + writers, version: version))
        }
    }
}
