import Runtime

/// Folds pages of the log into a generation, in memory, and stores rows and checkpoint together from time to time.
actor RebuildFolding<P: WideProjection> {
    private let rebuild: Rebuild
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
    private let start = ContinuousClock.now

    private struct Meter {
        var time = ContinuousClock.now
        var position: Int64
        var events: Int64 = 0
    }

    init(rebuild: Rebuild, from position: Int64, stuck: [StuckEntity], pool: PostgresPool, pace: RebuildPace) {
        self.rebuild = rebuild
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
    }

    /// - Throws: ``RebuildWork/End/stopped`` if it is not to go on; what was folded is stored then.
    func take(_ page: LogPage) async throws {
        for part in parts(of: page) {
            try await fold(part.events)
            reached = part.end
            lastTime = part.events.last?.recordedTime ?? lastTime
            events += Int64(part.events.count)
            eventsInAll += Int64(part.events.count)
            Failpoint.reached(.rebuildFolded, if: !part.events.isEmpty)
            try await rest()
        }
    }

    /// Throttled, a page is too much at once.
    private func parts(of page: LogPage) -> [LogPage] {
        let size = rebuild.eventLimit.map { max(1, $0 / 4) } ?? .max
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
        let lost = try await withThrowingTaskGroup(of: RecordedEvent?.self) { group in
            for (shard, part) in zip(shards, parts) where !part.isEmpty {
                group.addTask { [self] in
                    let part = part.map { P.prepared($0) }
                    let rows = try await load(shard.missing(for: part))
                    return try await shard.fold(part, onto: rows)
                }
            }
            var lost: RecordedEvent?
            for try await event in group { lost = lost ?? event }
            return lost
        }
        if let lost { try await giveUp(lost) }
    }

    /// The code did not return from an event, and holds what is in memory: it goes on from the checkpoint, without it.
    private func giveUp(_ event: RecordedEvent) async throws {
        let stuck = StuckEntity(at: event, "the view's code was at it for longer than \(pace.bounds.time)")
        try await pool.withConnection { connection in
            _ = try await connection.query(StuckStatements.insert([stuck], P.name, rebuild.generation))
        }
        throw RebuildError.disturbed
    }

    private nonisolated func load(_ ids: [String]) async throws -> [P.Row] {
        if ids.isEmpty { return [] }
        return try await pool.withConnection { connection in
            try await connection.query(P.load(ids, generation: rebuild.generation)).map { try P.decode($0) }
        }
    }

    // MARK: Between two pages

    /// Stores what is due, reports, and waits as long as the limit asks for.
    private func rest() async throws {
        repeat {
            try Task.checkCancellation()
            if isToBeStored() { try await store() }
            if ContinuousClock.now - meter.time >= pace.reports { try await report() }
            let wait = waitForLimit()
            if wait > .zero { try await Task.sleep(for: min(wait, pace.reports)) }
        } while waitForLimit() > .zero
    }

    private func waitForLimit() -> Duration {
        guard let limit = rebuild.eventLimit else { return .zero }
        return .seconds(Double(eventsInAll) / Double(limit)) - (ContinuousClock.now - start)
    }

    private func isToBeStored() -> Bool {
        if ContinuousClock.now >= nextStore { return true }
        var count = 0
        for shard in shards { count += shard.rowCount }
        return count > pace.rows * P.rowsPerUnit
    }

    /// Writes down how far it has come, and looks whether it is to go on.
    private func report() async throws {
        let now = ContinuousClock.now
        let seconds = max(0.001, (now - meter.time) / .seconds(1))
        let rates = (
            Double(eventsInAll - meter.events) / seconds, Double(reached - meter.position) / seconds
        )
        meter = Meter(time: now, position: reached, events: eventsInAll)
        let statement = RebuildWorkStatements.report(
            .int8(rebuild.number), .int8(reached), .float8(rates.0), .float8(rates.1))
        let isToGoOn = try await pool.withConnection { try await $0.query(statement).affected == 1 }
        guard isToGoOn else {
            try await store()
            throw RebuildWork<P>.End.stopped
        }
    }

    /// Stores the rows that have changed, and the checkpoint with them.
    func store() async throws {
        let begin = ContinuousClock.now
        var (rows, new): ([P.Row], [P.Row]) = ([], [])
        var gone: [String] = []
        var stuck: [StuckEntity] = []
        var count = 0
        for shard in shards {
            let changed = shard.takeChanged()
            rows += changed.stored
            new += changed.new
            gone += changed.gone
            stuck += changed.stuck
            count += shard.rowCount
        }
        stuckCount += stuck.count
        guard stuckCount <= pace.bounds.stuck else { throw RebuildError.tooManyStuck(stuckCount) }
        let (changed, added, left, stopped, from, to) = (rows, new, gone, stuck, stored, reached)
        let (folded, time) = (events, lastTime)
        guard to > from else { return }
        try await pool.withTransaction { connection in
            let noted = try await connection.run([
                RebuildWorkStatements.stored(.int8(rebuild.number), .int8(to), .int8(folded)),
                CheckpointStatements.move(
                    .text(P.name), .int4(rebuild.generation), .int8(from), .int8(to), .timestamp(time)),
            ])
            // Cancelled, or done by somebody else meanwhile.
            guard noted[0].affected == 1, noted[1].affected == 1 else { throw RebuildWork<P>.End.stopped }
            if !stopped.isEmpty {
                _ = try await connection.query(StuckStatements.insert(stopped, P.name, rebuild.generation))
            }
            try await store(changed, on: connection)
            try await add(added, on: connection)
            if !left.isEmpty { _ = try await connection.query(P.remove(left, generation: rebuild.generation)) }
        }
        Failpoint.reached(.rebuildStored)
        stored = to
        events = 0
        // Most of the time is for folding, however many rows there are.
        nextStore = .now + max(pace.checkpoints, (ContinuousClock.now - begin) * 9)
        let most = pace.rows * P.rowsPerUnit
        if count > most { for shard in shards { shard.forget(allBut: most / 2 / shards.count) } }
    }

    /// Stores rows a chunk at a time; the next one is encoded meanwhile.
    private nonisolated func store(_ rows: [P.Row], on connection: PostgresConnection) async throws {
        var chunks = chunks(of: rows, pace.chunk)
        var encoded = await encoded(chunks.next())
        while let statement = encoded {
            let rest = chunks.next()
            async let following = self.encoded(rest)
            _ = try await connection.query(statement)
            encoded = await following
        }
    }

    /// Stores rows that the table does not have, by COPY if the view can: nobody else writes into the generation.
    private nonisolated func add(_ rows: [P.Row], on connection: PostgresConnection) async throws {
        guard let first = rows.first, P.copy([first], generation: rebuild.generation) != nil else {
            return try await store(rows, on: connection)
        }
        var chunks = chunks(of: rows, pace.copyChunk)
        var copied = await copied(chunks.next())
        while let copy = copied {
            let rest = chunks.next()
            async let following = self.copied(rest)
            try await connection.copyIn(copy.statement, copy.rows)
            copied = await following
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
