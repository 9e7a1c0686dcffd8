package import Logging
import ServiceLifecycle

/// The log in Postgres.
package final class PostgresEventStore: EventStore, Service {
    private let pool: PostgresPool
    private let groupCommit: GroupCommit
    private let announcer: LogAnnouncer
    private let headWatch: IdleHolderWatch
    private let partitions: LogPartitions
    private let telemetry: TelemetryTypes
    package let signal: LogSignal

    /// From how many events on a page of a stream is read at once.
    private static let pageAtOnce = 16

    /// - Parameters:
    ///   - url: a database that has been migrated; the role needs no more than the migrations grant.
    ///   - pool: for reading; appends travel on a connection of their own.
    ///   - telemetry: what a reader of other events need not look through.
    package init(
        url: DatabaseURL, pool: PostgresPool, thread: PollThread, limits: CommitQueue<Never>.Limits = .init(),
        telemetry: TelemetryTypes = .unknown, logger: Logger
    ) {
        self.pool = pool
        self.telemetry = telemetry
        signal = LogSignal()
        groupCommit = GroupCommit(
            link: CommitLink(url: url, thread: thread, logger: logger), signal: signal, limits: limits,
            telemetry: telemetry, logger: logger)
        announcer = LogAnnouncer(url: url, thread: thread, signal: signal, logger: logger)
        // All of a batch is sent at once.
        headWatch = IdleHolderWatch(of: "log_head", patience: .seconds(5), pool: pool, logger: logger)
        partitions = LogPartitions(pool: pool, logger: logger)
    }

    /// Tells other servers of new events and hears of theirs, until graceful shutdown; then commits what waits.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                group.addTask { await self.announcer.run() }
                group.addTask { await self.headWatch.run() }
                group.addTask { await self.partitions.run() }
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
        _ stream: StreamName, from version: Int64, after position: Int64, limit: Int
    ) async throws(EventStoreError) -> [RecordedEvent] {
        try await read(stream, from: version, after: position, limit: limit, atOnce: limit >= Self.pageAtOnce).events
    }

    /// - Parameters:
    ///   - atOnce: whether the disk is asked for all of the page at once. Of few events each would come as soon one after
    ///     the other.
    ///   - withFloor: whether the stream's floor is read, too, behind the events: it rises before they leave.
    private func read(
        _ stream: StreamName, from version: Int64, after position: Int64, limit: Int, atOnce: Bool = false,
        withFloor: Bool = false
    ) async throws(EventStoreError) -> (events: [RecordedEvent], floor: StreamPlace?) {
        let telemetry = telemetry.mayInclude(category: stream.category, type: nil)
        var window = ReadWindow(after: position, length: ReadWindow.partition)
        var (events, next, isSearched) = ([RecordedEvent](), version, !atOnce)
        var floor: StreamPlace?
        while events.count < limit {
            let count = limit - events.count
            let versions = next..<next.addingClamped(Int64(count))
            let page =
                isSearched
                ? ReadStatements.stream(stream, from: next, in: window, limit: count, telemetry: telemetry)
                : ReadStatements.stretch(stream, versions: versions, in: window, telemetry: telemetry)
            let found = try await readPage(page, floorOf: withFloor ? stream : nil)
            floor = found.floor
            events += found.events.inOrderOfVersion
            next = events.last.map { $0.version + 1 } ?? next
            if !isSearched, found.events.count < count {
                // The stream ends here, or has a gap, behind which only the index finds what comes next.
                isSearched = true
                continue
            }
            if window.end >= found.head { break }
            window.advance()
            isSearched = !atOnce
        }
        return (events, floor)
    }

    package func readTail(_ place: StreamPlace, limit: Int) async throws(EventStoreError) -> [RecordedEvent] {
        // Not at once, since behind a snapshot there are few.
        let tail = try await read(
            place.stream, from: place.version + 1, after: place.position, limit: limit, withFloor: true)
        if let floor = tail.floor, floor.version > place.version { throw .retained(through: floor.version) }
        return tail.events
    }

    package func floor(of stream: StreamName) async throws(EventStoreError) -> StreamPlace? {
        try await read([ReadStatements.floor(.text(stream.description))]) { results in
            try results[0].first.map { try StreamPlace(floorOf: stream, $0) }
        }
    }

    package func includes(_ stream: StreamName, in scope: AccountScope) async throws(EventStoreError) -> Bool {
        guard case .only(let account) = scope else { return try await !readStream(stream, from: 1, limit: 1).isEmpty }
        let statement = StreamOwners.includesAccount(.text(stream.description), .text(account.rawValue))
        return try await read([statement]) { results in try results[0].first?.int8(0) == 1 }
    }

    package func readTails(
        _ tails: [StreamPlace], limit: Int
    ) async throws(EventStoreError) -> [Result<[RecordedEvent], EventStoreError>] {
        if tails.isEmpty { return [] }
        // A few that slept for long would make the others' statement look at all that was written since.
        let recent = signal.position - 2 * ReadWindow.partition
        let groups = [
            tails.indices.filter { tails[$0].position >= recent }, tails.indices.filter { tails[$0].position < recent },
        ].filter { !$0.isEmpty }
        let statements = ReadStatements.tails(of: groups.map { $0.map { tails[$0] } }, limit: limit) { group in
            Set(group.map(\.stream.category)).contains { telemetry.mayInclude(category: $0, type: nil) }
        }
        // Last, since a floor rises before its events leave.
        let floors = ReadStatements.floors(
            .textArray(tails.map(\.stream.description)), .int8Array(tails.map(\.version)))
        return try await read(statements + [floors]) { results in
            var events = [[RecordedEvent]](repeating: [], count: tails.count)
            var failures: [Int: EventStoreError] = [:]
            for (group, rows) in zip(groups, results.dropFirst()) {
                for row in rows {
                    let index = group[Int(try row.int8(RecordedEvent.columnCount)) - 1]
                    do throws(PostgresError) {
                        events[index].append(try RecordedEvent(row))
                    } catch {
                        failures[index] = EventStoreError(error)
                    }
                }
            }
            for row in results[statements.count] {
                failures[Int(try row.int8(0)) - 1] = .retained(through: try row.int8(1))
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
        let telemetry =
            !filter.excludesTelemetry
            && telemetry.mayInclude(category: filter.stream?.category ?? filter.category, type: filter.type)
        let isWhole = filter == .everything
        let length = filter.hasNoIndex ? ReadWindow.stretch : ReadWindow.partition
        var window = ReadWindow(after: position, length: isWhole ? Int64(limit) : length)
        var events: [RecordedEvent] = []
        while events.count < limit {
            let page = ReadStatements.log(
                in: window, where: filter, limit: limit - events.count, telemetry: telemetry)
            let found = try await readPage([ReadStatements.head(), page])
            events += found.events
            if events.count < limit, window.end >= found.head {
                return LogPage(events: events, end: max(position, events.last?.position ?? 0, found.head))
            }
            if events.count < limit, filter.hasNoIndex { return LogPage(events: events, end: window.end) }
            window.advance()
        }
        return LogPage(events: events, end: events.last?.position ?? position)
    }

    /// The head is read first: whatever it counts is visible to the page, which is read behind it.
    private func readPage(
        _ headAndPage: [BoundStatement], floorOf stream: StreamName? = nil
    ) async throws(EventStoreError) -> (events: [RecordedEvent], head: Int64, floor: StreamPlace?) {
        let floor = stream.map { ReadStatements.floor(.text($0.description)) }
        return try await read(headAndPage + (floor.map { [$0] } ?? [])) { results in
            let page = results[headAndPage.count - 1]
            let floor = try stream.flatMap { name in
                try results[headAndPage.count].first.map { try StreamPlace(floorOf: name, $0) }
            }
            return (try page.map { try RecordedEvent($0) }, try results[0].first?.int8(0) ?? 0, floor)
        }
    }

    package func acceptances(of commands: [UUID128]) async throws(EventStoreError) -> [RecordedAcceptance] {
        try await read([AcceptanceStatements.select(.uuidArray(commands))]) { results in
            try results[0].map { try RecordedAcceptance($0) }
        }
    }

    package func streamLog(
        after start: Int64, through end: Int64, category: String?, _ body: (LogPage) async throws -> Void
    ) async throws {
        try await streamLog(after: start, through: end, category: category) { raw in
            LogPage(events: try raw.recordedEvents(), end: raw.end)
        } _: { page in
            try await body(page)
        }
    }

    /// The same before anything is decoded: `transform` gets the rows as they came, beside `body`, and in any order.
    package func streamLog<Value: Sendable>(
        after start: Int64, through end: Int64, category: String?,
        _ transform: @escaping @Sendable (RawEvents) throws -> Value, _ body: (Value) async throws -> Void
    ) async throws {
        try await LogStream(pool: pool, category: category, end: end).read(after: start, transform, body)
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

extension StreamPlace {
    fileprivate init(floorOf stream: StreamName, _ row: Row) throws(PostgresError) {
        self.init(stream, at: try row.int8(0), position: try row.int8(1))
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
