@testable import Runtime

/// The connection on which a simulated server appends: it breaks before the batch, behind it, or while the batch is on
/// its way, to land at some time or never.
actor SimulatedConnection: CommitTransport {
    private nonisolated let thread: SimulatedThread
    private let database: SimulatedDatabase
    private let life: SimulatedLife

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    init(to database: SimulatedDatabase, of life: SimulatedLife) {
        thread = SimulatedThread(database.scheduler)
        self.database = database
        self.life = life
    }

    func commit(_ batch: AppendBatch, expecting head: Int64?) async throws(PostgresError) -> AppendBatch.Answer {
        if database.fails(database.plan.unreachable) {
            await database.travel()
            throw .connectFailed(reason: "simulated")
        }
        await database.travel()
        // A server that dies may have sent its last batch or not.
        if life.isOver, database.scheduler.chance(50) { throw Self.death }
        if database.fails(database.plan.lostCommits) { try await lose(batch, expecting: head) }
        if database.fails(database.plan.busy) { throw .refused(.serializationFailure) }
        if database.fails(database.plan.full) { throw .refused(SQLState(rawValue: "53100")) }
        let answer: Result<AppendBatch.Answer, PostgresError>
        do throws(PostgresError) {
            answer = .success(try database.commit(batch, expecting: head))
        } catch {
            answer = .failure(error)
        }
        await database.travel()
        if life.isOver { throw Self.death }
        return try answer.get()
    }

    /// Ends all that a dead server still tries: the truth is nobody's business any more.
    private static var death: PostgresError { .refused(.invalidTextRepresentation) }

    private func lose(_ batch: AppendBatch, expecting head: Int64?) async throws(PostgresError) {
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
        await database.travel()
        throw .connectionLost(outcomeUnknown: true)
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
