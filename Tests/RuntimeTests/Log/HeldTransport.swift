@testable import Runtime

/// Carries batches nowhere, and answers them when it is told to.
actor HeldTransport: CommitTransport {
    struct Sent: Sendable {
        let events: Int
        let expected: Int64?
        let isBehind: Bool
    }

    private var seen: [Sent] = []
    private var waiting: [(count: Int, arrival: AsyncStream<Never>.Continuation)] = []
    private var underWay: [(batch: AppendBatch, continuation: CheckedContinuation<PostgresError?, Never>)] = []
    private var standing: Standing = .held
    private var head: Int64 = 0
    private(set) var mostUnderWay = 0
    private(set) var lookUps = 0

    private enum Standing { case held, accepting, refusing }

    /// The batch that is sent as the `number`th, as soon as it is.
    ///
    /// - Throws: `CancellationError` if the test's time is over.
    func sent(_ number: Int) async throws -> Sent {
        if seen.count < number {
            let (arrivals, arrival) = AsyncStream.makeStream(of: Never.self)
            waiting.append((number, arrival))
            for await _ in arrivals {}
        }
        guard seen.count >= number else { throw CancellationError() }
        return seen[number - 1]
    }

    /// Answers the batch that was sent first of those under way.
    func answerFirst(_ failure: PostgresError? = nil) { underWay.removeFirst().continuation.resume(returning: failure) }

    /// Answers those under way, and all to come at once.
    func answerAll(refusing: Bool = false) {
        standing = refusing ? .refusing : .accepting
        while !underWay.isEmpty { answerFirst() }
    }

    func commit(
        _ batch: AppendBatch, expecting head: Int64?, behindAnother isBehind: Bool
    ) async throws(PostgresError) -> AppendBatch.Answer {
        seen.append(Sent(events: batch.appends.count, expected: head, isBehind: isBehind))
        let failure: PostgresError? = await withCheckedContinuation { continuation in
            underWay.append((batch, continuation))
            mostUnderWay = max(mostUnderWay, underWay.count)
            for waiter in waiting where waiter.count <= seen.count { waiter.arrival.finish() }
            waiting.removeAll { $0.count <= seen.count }
            if standing != .held { answerFirst() }
        }
        if let failure { throw failure }
        return answer(to: batch)
    }

    private func answer(to batch: AppendBatch) -> AppendBatch.Answer {
        let found = head
        let outcomes = batch.appends.map { append -> AppendOutcome in
            if standing == .refusing { return .conflict([]) }
            defer { head += Int64(append.eventCount) }
            return .accepted(receipt(of: append))
        }
        return AppendBatch.Answer(outcomes: outcomes, found: found, left: head)
    }

    private func receipt(of append: Append) -> AppendReceipt {
        AppendReceipt(
            firstPosition: head + 1, eventCount: append.eventCount, recordedTime: Timestamp(microseconds: 0))
    }

    func lookUp(_ append: Append) async throws(PostgresError) -> AppendReceipt? {
        lookUps += 1
        return receipt(of: append)
    }

    func close() async {}
}
