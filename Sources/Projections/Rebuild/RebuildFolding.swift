import Runtime

/// Folds pages of the log into a generation, in memory, and stores rows and checkpoint together from time to time.
actor RebuildFolding<P: WideProjection> {
    private let rebuild: Rebuild
    private let log: any EventStore
    private let pool: PostgresPool
    private let pace: RebuildPace
    private let shards: [RebuildShard<P>]
    /// Up to where rows are stored, and up to where events are folded.
    private var stored: Int64
    private var reached: Int64
    private var lastTime = Timestamp(microseconds: 0)
    private var stuckCount: Int
    /// Events since the rows were stored, and in all this time.
    private var events: Int64 = 0
    private var eventsInAll: Int64 = 0
    private var meter: Meter
    private var nextStore: ContinuousClock.Instant
    private var nextLook: ContinuousClock.Instant
    private var storing = Storing.no
    /// Rows that were in memory when what is over had been given up for the last time.
    private var kept = 0
    private let start = ContinuousClock.now

    private enum Storing {
        case no
        /// Stays so if it fails: what was taken is in the table then, or lost.
        case underWay
        /// The memory of what is stored is to be given back, between two pages.
        case done
    }

    /// What was folded since the last time, on its way into the table.
    struct Changes: Sendable {
        fileprivate let parts: [RebuildShard<P>.Changes]
        fileprivate let start: Int64
        fileprivate let end: Int64
        fileprivate let events: Int64
        fileprivate let time: Timestamp
        fileprivate let rates: Rates
    }

    /// Events, and positions of the log, a second.
    fileprivate struct Rates: Sendable {
        let events: Double
        let positions: Double
    }

    private struct Meter {
        var time = ContinuousClock.now
        var position: Int64
        var events: Int64 = 0
    }

    init(
        rebuild: Rebuild, from position: Int64, stuck: [StuckEntity], log: any EventStore, pool: PostgresPool,
        pace: RebuildPace
    ) {
        self.rebuild = rebuild
        self.log = log
        self.pool = pool
        self.pace = pace
        shards = (0..<pace.shards).map { _ in
            RebuildShard(isComplete: position == 0, stuck: stuck, after: position, bounds: pace.bounds)
        }
        stuckCount = stuck.count
        stored = position
        reached = position
        meter = Meter(position: position)
        nextStore = .now + pace.checkpoints
        nextLook = .now + pace.reports
    }

    /// - Throws: ``ShardHangs``; it is of no use then.
    func take(_ page: LogPage) async throws {
        settle()
        try await fold(page.events)
        reached = page.end
        lastTime = page.events.last?.recordedTime ?? lastTime
        events += Int64(page.events.count)
        eventsInAll += Int64(page.events.count)
        Failpoint.reached(.rebuildFolded, if: !page.events.isEmpty)
    }

    /// Throttled, a page is too much at once.
    nonisolated func parts(of page: LogPage) -> [LogPage] {
        let size = min(pace.part, rebuild.eventLimit.map { max(1, $0 / 4) } ?? .max)
        guard page.events.count > size else { return [page] }
        var parts: [LogPage] = []
        for start in stride(from: 0, to: page.events.count, by: size) {
            let events = Array(page.events[start..<min(start + size, page.events.count)])
            parts.append(LogPage(events: events, end: events.last?.position ?? page.end))
        }
        parts[parts.count - 1].end = page.end
        return parts
    }

    private func fold(_ events: [RecordedEvent]) async throws {
        var dealt = [[RecordedEvent]](repeating: [], count: shards.count)
        for event in events { dealt[Int(UInt(bitPattern: event.stream.hashValue) % UInt(shards.count))].append(event) }
        let parts = dealt
        let lost = try await withThrowingTaskGroup(of: RecordedEvent?.self) { group -> [RecordedEvent] in
            for (shard, part) in zip(shards, parts) where !part.isEmpty {
                group.addTask { [self] in
                    let part = part.map { P.prepared($0) }
                    let rows = try await load(shard.missing(for: part))
                    return try await shard.fold(part, onto: rows)
                }
            }
            var lost: [RecordedEvent] = []
            for try await event in group { if let event { lost.append(event) } }
            return lost
        }
        // The code holds what is in memory.
        if !lost.isEmpty { throw ShardHangs(hangs: lost.map { FoldHang(event: $0, bound: pace.bounds.time) }) }
    }

    private nonisolated func load(_ ids: [String]) async throws -> [P.Row] {
        if ids.isEmpty { return [] }
        return try await pool.withConnection { connection in
            try await connection.query(P.load(ids, generation: rebuild.generation)).map { try P.decode($0) }
        }
    }

    // MARK: Between two pages

    /// Reports, and waits as long as the limit asks for.
    ///
    /// - Throws: ``RebuildWork/End/stopped`` if it is not to go on.
    func rest() async throws {
        repeat {
            try Task.checkCancellation()
            if ContinuousClock.now >= nextLook { try await look() }
            let wait = waitForLimit()
            if wait > .zero { try await Task.sleep(for: min(wait, pace.reports)) }
        } while waitForLimit() > .zero
    }

    private func waitForLimit() -> Duration {
        guard let limit = rebuild.eventLimit else { return .zero }
        return .seconds(Double(eventsInAll) / Double(limit)) - (ContinuousClock.now - start)
    }

    /// Looks whether it is to go on, and writes down how far it has come. While rows are stored they hold the place where that
    /// would be written, and write it themselves at their end: folding does not wait for them.
    private func look() async throws {
        nextLook = .now + pace.reports
        let isToGoOn: Bool
        if storing == .underWay {
            let question = RebuildWorkStatements.isRunning(.int8(rebuild.number))
            isToGoOn = try await pool.withConnection { try await !$0.query(question).isEmpty }
        } else {
            let rates = rates()
            let report = RebuildWorkStatements.report(
                .int8(rebuild.number), .int8(reached), .float8(rates.events), .float8(rates.positions))
            isToGoOn = try await pool.withConnection { try await $0.query(report).affected == 1 }
        }
        guard isToGoOn else { throw RebuildWork<P>.End.stopped }
    }

    /// Since they were asked for the last time.
    private func rates() -> Rates {
        let now = ContinuousClock.now
        let seconds = max(0.001, (now - meter.time) / .seconds(1))
        defer { meter = Meter(time: now, position: reached, events: eventsInAll) }
        return Rates(
            events: Double(eventsInAll - meter.events) / seconds, positions: Double(reached - meter.position) / seconds)
    }

    // MARK: Storing

    /// Whether no more may be folded before what is being stored is in the table.
    var isFull: Bool { storing == .underWay && rowCount > 2 * min(most, kept / 2 + growth) }

    /// What is to be stored now, beside what is folded next; nil if it is not time yet.
    func changesDue() throws -> Changes? {
        settle()
        return storing == .no && (ContinuousClock.now >= nextStore || rowCount > min(most, kept + growth))
            ? try changes() : nil
    }

    /// Stores what has changed and is not being stored.
    func store() async throws {
        settle()
        if let changes = try changes() { try await store(changes) }
    }

    private var most: Int { pace.rows * P.rowsPerUnit }

    /// By how many rows more the next ones are stored, however long the log is. As many as are kept are stored with them.
    private var growth: Int { max(most / 4, kept / 2) }

    private var rowCount: Int {
        var count = 0
        for shard in shards { count += shard.rowCount }
        return count
    }

    private func changes() throws -> Changes? {
        guard storing == .no else { throw RebuildError.disturbed }
        guard reached > stored else { return nil }
        storing = .underWay
        let changes = Changes(
            parts: shards.map { $0.takeChanged() }, start: stored, end: reached, events: events, time: lastTime,
            rates: rates())
        events = 0
        for part in changes.parts { stuckCount += part.stuck.count }
        guard stuckCount <= pace.bounds.stuck else { throw RebuildError.tooManyStuck(stuckCount) }
        return changes
    }

    /// Stores rows, and the checkpoint with them.
    ///
    /// - Throws: ``FoldExcess``.
    func store(_ changes: Changes) async throws {
        let begin = ContinuousClock.now
        try await pool.withTransaction { connection in
            let noted = try await connection.run([
                RebuildWorkStatements.stored(
                    .int8(rebuild.number), .int8(changes.end), .int8(changes.events), .float8(changes.rates.events),
                    .float8(changes.rates.positions)),
                CheckpointStatements.move(
                    .text(P.name), .int4(rebuild.generation), .int8(changes.start), .int8(changes.end),
                    .timestamp(changes.time), .int4(P.definition)),
            ])
            // Cancelled, or done by somebody else meanwhile.
            guard noted[0].affected == 1, noted[1].affected == 1 else { throw RebuildWork<P>.End.stopped }
            for part in changes.parts {
                if !part.stuck.isEmpty {
                    _ = try await connection.query(StuckStatements.insert(part.stuck, P.name, rebuild.generation))
                }
                try await store(part.stored, of: changes, on: connection)
                try await add(part.new, of: changes, on: connection)
                if !part.gone.isEmpty {
                    _ = try await connection.query(P.remove(part.gone, generation: rebuild.generation))
                }
            }
        }
        Failpoint.reached(.rebuildStored)
        stored = changes.end
        // Most of the time is for folding, however many rows there are.
        nextStore = .now + max(pace.checkpoints, (ContinuousClock.now - begin) * 9)
        storing = .done
    }

    /// Gives memory back while no page is folded: what is known of a page's rows must not go before it is folded.
    private func settle() {
        guard storing == .done else { return }
        storing = .no
        let areTooMany = rowCount > most
        for shard in shards {
            if areTooMany { shard.forget(allBut: most / 2 / shards.count) } else { shard.forgetWhatIsOver() }
        }
        kept = rowCount
    }

    /// Stores rows a chunk at a time; the next one is encoded meanwhile.
    private nonisolated func store(
        _ rows: [P.Row], of changes: Changes, on connection: PostgresConnection
    ) async throws {
        var check = check(rows, of: changes)
        var chunks = chunks(of: rows, pace.chunk)
        var chunk = chunks.next()
        var encoded = await encoded(chunk)
        while let statement = encoded {
            let rest = chunks.next()
            async let following = self.encoded(rest)
            try await check.add(statement.parameters.bytes.count, of: chunk?.count ?? 0)
            _ = try await connection.query(statement)
            (chunk, encoded) = (rest, await following)
        }
    }

    private nonisolated func check(_ rows: [P.Row], of changes: Changes) -> RebuildBytes<P> {
        RebuildBytes(
            of: rows, generation: rebuild.generation, after: changes.start, through: changes.end, store: log,
            bounds: pace.bounds)
    }

    /// Stores rows that the table does not have, by COPY if the view can: nobody else writes into the generation.
    private nonisolated func add(
        _ rows: [P.Row], of changes: Changes, on connection: PostgresConnection
    ) async throws {
        guard let first = rows.first, P.copy([first], generation: rebuild.generation) != nil else {
            return try await store(rows, of: changes, on: connection)
        }
        var check = check(rows, of: changes)
        var chunks = chunks(of: rows, pace.copyChunk)
        var chunk = chunks.next()
        var copied = await copied(chunk)
        while let copy = copied {
            let rest = chunks.next()
            async let following = self.copied(rest)
            try await check.add(copy.rows.count, of: chunk?.count ?? 0)
            try await connection.copyIn(copy.statement, copy.rows)
            (chunk, copied) = (rest, await following)
        }
    }

    private nonisolated func chunks(of rows: [P.Row], _ size: Int) -> some IteratorProtocol<ArraySlice<P.Row>> {
        stride(from: 0, to: rows.count, by: size).map { rows[$0..<min($0 + size, rows.count)] }.makeIterator()
    }

    private nonisolated func copied(_ rows: ArraySlice<P.Row>?) async -> (statement: Statement, rows: CopyBuffer)? {
        rows.flatMap { P.copy(Array($0), generation: rebuild.generation) }
    }

    private nonisolated func encoded(_ rows: ArraySlice<P.Row>?) async -> BoundStatement? {
        rows.map { P.store(Array($0), generation: rebuild.generation) }
    }
}
