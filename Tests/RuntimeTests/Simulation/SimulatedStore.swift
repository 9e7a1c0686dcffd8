import Logging

@testable import Runtime

/// A simulated server's view of the log: the real group commit over a simulated connection, and reads that take their
/// time, fail, and are old when they arrive.
final class SimulatedStore: EventStore {
    private let database: SimulatedDatabase
    private let life: SimulatedLife
    private let groupCommit: GroupCommit
    let signal: LogSignal

    init(of database: SimulatedDatabase, for life: SimulatedLife) {
        let (scheduler, plan) = (database.scheduler, database.plan)
        self.database = database
        self.life = life
        signal = LogSignal(clock: SimulatedClock(scheduler: scheduler))
        groupCommit = GroupCommit(
            link: SimulatedConnection(to: database, of: life), signal: signal,
            limits: .init(batchEvents: plan.batchEvents, waitingEvents: plan.waitingEvents), telemetry: .unknown,
            logger: Logger(label: "simulation") { _ in SwiftLogNoOpLogHandler() }, now: { scheduler.now },
            giveWay: { await scheduler.pause(0...10) })
        database.listen(life, signal)
    }

    func append(_ append: Append) async throws(EventStoreError) -> AppendOutcome {
        try await groupCommit.append([append])[0].get()
    }

    func append(_ appends: [Append]) async -> [Result<AppendOutcome, EventStoreError>] {
        let answers = await groupCommit.append(appends)
        database.scheduler.note("appended", Int64(answers.count))
        return answers
    }

    /// There, a look at the log, and back.
    private func read<Value: Sendable>(
        _ stream: StreamName? = nil, _ body: (SimulatedLog) -> Value
    ) async throws(EventStoreError) -> Value {
        await database.travel()
        if life.isOver { throw .closed }
        if database.fails(database.plan.unreadable) { throw .unavailable(reason: "simulated") }
        if stream != nil, database.fails(database.plan.corrupt) { throw .corrupt(position: 1, reason: "simulated") }
        let value = body(database.log)
        await database.travel()
        database.scheduler.note("read", database.log.head)
        return value
    }

    func readStream(
        _ stream: StreamName, from version: Int64, after position: Int64, limit: Int
    ) async throws(EventStoreError) -> [RecordedEvent] {
        try await read(stream) { $0.stream(stream, from: version, limit: limit) }
    }

    func readTails(
        _ tails: [StreamPlace], limit: Int
    ) async throws(EventStoreError) -> [Result<[RecordedEvent], EventStoreError>] {
        try await read { log in
            tails.map { tail in
                if database.fails(database.plan.corrupt) { return .failure(.corrupt(position: 1, reason: "simulated")) }
                return .success(log.stream(tail.stream, from: tail.version + 1, limit: limit))
            }
        }
    }

    func readLog(after position: Int64, where filter: LogFilter, limit: Int) async throws(EventStoreError) -> LogPage {
        try await read { $0.page(after: position, where: filter, limit: limit) }
    }

    func acceptances(of commands: [UUID128]) async throws(EventStoreError) -> [RecordedAcceptance] {
        try await read { $0.acceptances(of: commands) }
    }

    func head() async throws(EventStoreError) -> LogHead {
        try await read {
            LogHead(
                position: $0.head, recordedTime: $0.events.last?.recordedTime ?? Timestamp(microseconds: 0))
        }
    }
}
