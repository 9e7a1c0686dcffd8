package import Logging
import ServiceLifecycle

/// The log in Postgres.
package final class PostgresEventStore: EventStore, Service {
    private let pool: PostgresPool
    private let groupCommit: GroupCommit
    private let announcer: LogAnnouncer
    private let headWatch: HeadWatch
    package let signal: LogSignal

    /// - Parameters:
    ///   - url: a database that has been migrated; the role needs no more than the migrations grant.
    ///   - pool: for reading; appends travel on a connection of their own.
    package init(
        url: DatabaseURL, pool: PostgresPool, thread: PollThread, limits: CommitQueue<Never>.Limits = .init(),
        logger: Logger
    ) {
        self.pool = pool
        signal = LogSignal()
        groupCommit = GroupCommit(
            link: CommitLink(url: url, thread: thread, logger: logger), thread: thread, signal: signal, limits: limits,
            logger: logger)
        announcer = LogAnnouncer(url: url, thread: thread, signal: signal, logger: logger)
        headWatch = HeadWatch(pool: pool, logger: logger)
    }

    /// Tells other servers of new events and hears of theirs, until graceful shutdown; then commits what waits.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                group.addTask { await self.announcer.run() }
                group.addTask { await self.headWatch.run() }
            }
        }
        await groupCommit.close()
    }

    package func append(_ append: Append) async throws(EventStoreError) -> AppendOutcome {
        try await groupCommit.append([append])[0].get()
    }

    package func append(_ appends: [Append]) async -> [Result<AppendOutcome, EventStoreError>] {
        await groupCommit.append(appends)
    }

    package func readStream(
        _ stream: StreamName, from version: Int64, limit: Int
    ) async throws(EventStoreError) -> [RecordedEvent] {
        let statement = ReadStatements.stream(.text(stream.description), .int8(version), .int8(Int64(limit)))
        return try await read([statement]) { results in try results[0].map { try RecordedEvent($0) } }
    }

    package func readTails(
        _ tails: [StreamVersion], limit: Int
    ) async throws(EventStoreError) -> [Result<[RecordedEvent], EventStoreError>] {
        let statement = ReadStatements.tails(
            .textArray(tails.map(\.stream.description)), .int8Array(tails.map(\.version)), .int8(Int64(limit)))
        return try await read([statement]) { results in
            var events = [[RecordedEvent]](repeating: [], count: tails.count)
            var failures: [Int: EventStoreError] = [:]
            for row in results[0] {
                let index = Int(try row.int8(RecordedEvent.columnCount)) - 1
                do throws(PostgresError) {
                    events[index].append(try RecordedEvent(row))
                } catch {
                    failures[index] = EventStoreError(error)
                }
            }
            return events.enumerated().map { index, events in
                // Postgres promises no order of the whole; in fact each stream's rows come as the index has them.
                failures[index].map { .failure($0) } ?? .success(events.inOrderOfVersion)
            }
        }
    }

    package func readLog(
        after position: Int64, where filter: LogFilter, limit: Int
    ) async throws(EventStoreError) -> LogPage {
        // The head is read first: whatever it counts is visible to the page, which is read after it.
        let page = ReadStatements.page(after: position, where: filter, limit: limit)
        return try await read([ReadStatements.head(), page]) { results in
            let events = try results[1].map { try RecordedEvent($0) }
            let last = events.last?.position ?? position
            if events.count == limit { return LogPage(events: events, end: last) }
            let head = try results[0].first?.int8(0) ?? 0
            return LogPage(events: events, end: max(position, last, head))
        }
    }

    package func head() async throws(EventStoreError) -> LogHead {
        try await read([ReadStatements.head()]) { results in
            guard let row = results[0].first else { throw PostgresError.misuse("log_head is empty") }
            return LogHead(position: try row.int8(0), recordedTime: try row.timestamp(1))
        }
    }

    private func read<Value: Sendable>(
        _ statements: [BoundStatement], _ body: ([Rows]) throws -> Value
    ) async throws(EventStoreError) -> Value {
        do {
            let results = try await pool.withConnection { connection in
                try await connection.run(statements, timeout: .seconds(30))
            }
            return try body(results)
        } catch let error as PostgresError {
            throw EventStoreError(error)
        } catch {
            throw .unavailable(reason: String(describing: error))
        }
    }
}

extension [RecordedEvent] {
    fileprivate var inOrderOfVersion: [RecordedEvent] {
        let isInOrder = zip(self, dropFirst()).allSatisfy { $0.version < $1.version }
        return isInOrder ? self : sorted { $0.version < $1.version }
    }
}

extension EventStoreError {
    init(_ error: PostgresError) {
        switch error {
        case .decoding: self = .corrupt(position: 0, reason: error.debugDescription)
        default: self = .unavailable(reason: error.debugDescription)
        }
    }
}
