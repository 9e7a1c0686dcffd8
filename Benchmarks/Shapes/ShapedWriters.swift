import Runtime

/// The event store under lanes of one shape, each sending a round as soon as its last one is answered; beside it, if
/// wanted, a reader that follows the log from the start.
struct ShapedWriters: Sendable {
    let shape: LogShape
    let time: Duration
    var streams = ShapedStreams()

    struct Result: Sendable {
        /// Of each lane, on average.
        let rounds: Int
        let perSecond: Double
    }

    func run(on url: String, withReader: Bool) async throws -> Result {
        try await BenchLog.with(url) { log in
            try await withThrowingTaskGroup(of: Int64.self) { group in
                if withReader { group.addTask { await Self.follow(log) } }
                defer { group.cancelAll() }
                let result = try await write(to: log)
                group.cancelAll()
                guard try await group.next() != 0 else { throw BenchmarkFailed("the reader read nothing") }
                return result
            }
        }
    }

    /// The same rounds of all lanes, two lanes' in a batch, by bare libpq.
    func appends(rounds: Int) -> PlainAppends {
        var lanes = (0..<ShapedLane.count).map { ShapedLane($0, of: shape, to: streams) }
        let batches = (0..<rounds).flatMap { _ in
            stride(from: 0, to: lanes.count, by: 2).map { lanes[$0].nextRound() + lanes[$0 + 1].nextRound() }
        }
        return PlainAppends(batches, after: Int64(ShapedStreams.count * streams.versions))
    }

    private func write(to log: BenchLog) async throws -> Result {
        let begin = ContinuousClock.now
        let events = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<ShapedLane.count {
                group.addTask {
                    var lane = ShapedLane(number, of: shape, to: streams)
                    var events = 0
                    while ContinuousClock.now - begin < time {
                        for outcome in await log.store.append(lane.nextRound()) {
                            guard case .accepted = try outcome.get() else {
                                throw BenchmarkFailed("the store answered a conflict")
                            }
                        }
                        events += ShapedLane.round
                    }
                    return events
                }
            }
            return try await group.reduce(0, +)
        }
        return Result(
            rounds: events / (ShapedLane.count * ShapedLane.round),
            perSecond: Double(events) / ((.now - begin) / .seconds(1)))
    }

    /// Until the task is cancelled; returns the position that it came to.
    private static func follow(_ log: BenchLog) async -> Int64 {
        let subscription = Subscription(to: log.store, where: .everything)
        var position: Int64 = 0
        while !Task.isCancelled {
            guard let page = try? await subscription.page(after: position) else { break }
            position = page.end
        }
        return position
    }
}
