@testable import Runtime

/// The connection on which a simulated server appends: it breaks before the batch, behind it, or while the batch is on
/// its way, to land at some time or never. What is sent behind another batch arrives behind it, and fails with it.
actor SimulatedConnection: CommitTransport {
    private nonisolated let thread: SimulatedThread
    private let database: SimulatedDatabase
    private let life: SimulatedLife
    private var (sent, arrived) = (0, 0)
    private var onTheirWay: [Int: CheckedContinuation<Void, Never>] = [:]
    /// The batch that was rolled back last.
    private var rolledBack: Int?
    /// Where the last batch that was committed here found the head, and left it.
    private var last: (found: Int64, left: Int64)?

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    init(to database: SimulatedDatabase, of life: SimulatedLife) {
        thread = SimulatedThread(database.scheduler)
        self.database = database
        self.life = life
    }

    func commit(
        _ batch: AppendBatch, expecting head: Int64?, behindAnother isBehind: Bool
    ) async throws(PostgresError) -> AppendBatch.Answer {
        let number = sent
        sent += 1
        await database.travel()
        if arrived != number { await withCheckedContinuation { onTheirWay[number] = $0 } }
        let result: Result<AppendBatch.Answer, PostgresError>
        do throws(PostgresError) {
            result = .success(try judge(batch, number, expecting: head, isBehind))
        } catch {
            result = .failure(error)
            rolledBack = number
        }
        arrived += 1
        onTheirWay.removeValue(forKey: arrived)?.resume()
        await database.travel()
        if life.isOver { throw Self.death }
        return try result.get()
    }

    private func judge(
        _ batch: AppendBatch, _ number: Int, expecting head: Int64?, _ isBehind: Bool
    ) throws(PostgresError) -> AppendBatch.Answer {
        if database.fails(database.plan.unreachable) { throw .connectFailed(reason: "simulated") }
        // A server that dies may have sent its last batch or not.
        if life.isOver, database.scheduler.chance(50) { throw Self.death }
        if isBehind, rolledBack == number - 1 { throw .refused(.failedTransaction) }
        var expected = head
        if isBehind { expected = last.flatMap { $0.found == head ? $0.left : nil } }
        if batch.isCertain, head != nil, expected == nil { throw .refused(.serializationFailure) }
        if database.fails(database.plan.lostCommits) { throw lose(batch, expecting: expected) }
        if database.fails(database.plan.busy) { throw .refused(.serializationFailure) }
        if database.fails(database.plan.full) { throw .refused(SQLState(rawValue: "53100")) }
        let answer = try database.commit(batch, expecting: expected)
        last = (answer.found, answer.left)
        return answer
    }

    /// Ends all that a dead server still tries: the truth is nobody's business any more.
    private static var death: PostgresError { .refused(.invalidTextRepresentation) }

    private func lose(_ batch: AppendBatch, expecting head: Int64?) -> PostgresError {
        let (database, scheduler) = (database, database.scheduler)
        let what = scheduler.number(in: 0...2)
        scheduler.note("lost", Int64(what))
        switch what {
        case 0: break
        case 1: _ = try? database.commit(batch, expecting: head)
        default:
            scheduler.call(after: scheduler.number(in: 1...80_000)) {
                _ = try? database.commit(batch, expecting: head)
            }
        }
        // The next connection begins anew.
        last = nil
        return .connectionLost(outcomeUnknown: true)
    }

    func lookUp(_ append: Append) async throws(PostgresError) -> AppendReceipt? {
        await database.travel()
        if life.isOver { return nil }
        if database.fails(database.plan.unreachable) { throw .connectFailed(reason: "simulated") }
        guard let change = append.changes.first, let event = change.events.first,
            let found = database.log.stream(change.stream, from: change.expectedVersion + 1, limit: 1).first,
            found.id == event.id
        else { return nil }
        return AppendReceipt(
            firstPosition: found.position, eventCount: append.eventCount, recordedTime: found.recordedTime)
    }

    func close() async {}
}
