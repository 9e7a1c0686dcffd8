import Runtime

/// Applies pages of the log to one generation of a projection.
struct ProjectionStep<P: WideProjection>: Sendable {
    enum Outcome: Sendable, Equatable {
        /// With so many entities that have come to a stop, and what came late.
        case moved(stuck: Int, lateness: Lateness)
        /// Somebody else moved the checkpoint first, or is of a newer definition, or the view pauses; nothing was changed.
        case overtaken
    }

    let generation: Int32
    /// Whether it moves only while this generation is the live one.
    let isLive: Bool
    let thread: FoldThread
    var bounds = FoldBounds()

    /// Applies a page in a transaction of its own: checkpoint and rows together.
    ///
    /// - Parameter hang: from where the code did not return. The page is applied up to there: its entity is stuck from then on,
    ///   and with too many threads lost the view pauses, whatever becomes of this process and of the rest of the page.
    /// - Throws: ``FoldHang``, and nothing was changed then.
    func apply(
        _ page: LogPage, from position: Int64, upTo hang: FoldHang? = nil, on connection: PostgresConnection
    ) async throws -> Outcome {
        var page = page
        if let hang {
            page.events.removeAll { $0.position > hang.event.position }
            page.end = hang.event.position
        }
        let move = moving(from: position, to: page)
        let events = page.events.filter { P.concerns($0) }
        // Rows and checkpoint are lost together if Postgres crashes, and are made again of the log. A lost thread is not.
        let begin = [Statement.begin()] + (hang == nil ? [Statement.letCommitBeLate()] : [])
        if events.isEmpty {
            return try await connection.run(begin + [move, Statement.commit()])[begin.count].affected == 1
                ? .moved(stuck: 0, lateness: Lateness()) : .overtaken
        }
        let opened = try await connection.run(begin + [move] + loading(events))
        let results = opened.dropFirst(begin.count)
        guard results[begin.count].affected == 1 else {
            _ = try await connection.query(Statement.rollback())
            return .overtaken
        }
        do {
            let (statements, result) = try await folded(
                events, onto: results[begin.count + 2], stuck: results[begin.count + 1], after: position,
                leavingOut: hang)
            Failpoint.reached(.projectionFolded)
            _ = try await connection.run(statements + [Statement.commit()])
            Failpoint.reached(.projectionStored)
            return .moved(stuck: result.failures.count, lateness: result.lateness ?? Lateness())
        } catch {
            if connection.isUsable { _ = try? await connection.query(Statement.rollback()) }
            throw error
        }
    }

    /// Applies a page within the caller's transaction, which holds the checkpoint's lock.
    ///
    /// - Throws: ``FoldHang``.
    func applyWithin(_ page: LogPage, from position: Int64, on connection: PostgresConnection) async throws {
        let results = try await connection.run([moving(from: position, to: page)] + loading(page.events))
        guard results[0].affected == 1 else { throw RebuildError.disturbed }
        let (statements, _) = try await folded(
            page.events, onto: results[2], stuck: results[1], after: position, leavingOut: nil)
        _ = try await connection.run(statements)
    }

    private func moving(from position: Int64, to page: LogPage) -> BoundStatement {
        (isLive ? CheckpointStatements.moveLive : CheckpointStatements.move)(
            .text(P.name), .int4(generation), .int8(position), .int8(page.end),
            .timestamp(page.events.last?.recordedTime ?? Timestamp.now()), .int4(P.definition))
    }

    /// Which of the streams stand still, and the rows of all.
    private func loading(_ events: [RecordedEvent]) -> [BoundStatement] {
        [
            StuckStatements.among(
                .text(P.name), .int4(generation), .textArray(Array(Set(events.map(\.stream.id))))),
            P.load(PageFold<P>.ids(of: events), generation: generation),
        ]
    }

    private func folded(
        _ events: [RecordedEvent], onto stored: Rows, stuck: Rows, after position: Int64, leavingOut hang: FoldHang?
    ) async throws -> (statements: [BoundStatement], result: PageFold<P>) {
        var fold = PageFold<P>(
            stuck: try stuck.map { try StuckEntity($0) }, after: position, bounds: bounds,
            measuresLateness: isLive)
        if let hang { fold.bar(hang.event, hang.reason) }
        for row in stored {
            let decoded = try P.decode(row)
            fold.rows.load(decoded, id: P.id(of: decoded))
        }
        let (result, store) = try await fold.folding(events, on: thread, generation: generation)
        var statements = store.map { [$0] } ?? []
        let gone = result.rows.gone
        if !gone.isEmpty { statements.append(P.remove(gone, generation: generation)) }
        if !result.failures.isEmpty {
            // Who resumes the view although threads are lost has his way until another one is.
            let lost = hang == nil ? 0 : thread.lost
            statements += StuckStatements.stop(result.failures, P.name, generation, bounds, lost: lost)
        }
        return (statements, result)
    }
}

extension PageFold {
    /// Folds the events on a thread that can be given up, and makes the statement that stores the rows; nil for none.
    ///
    /// Where code makes too much, its entity is left out and all else is done anew.
    ///
    /// - Throws: ``FoldHang`` where code does not return.
    func folding(
        _ events: [RecordedEvent], on thread: FoldThread, generation: Int32
    ) async throws -> (PageFold, BoundStatement?) {
        var start = self
        while true {
            let (watch, begin) = (FoldWatch(), start)
            let result = await thread.run(within: bounds.time, watch) { () -> (PageFold, BoundStatement?) in
                var fold = begin
                fold.fold(events, watch: watch)
                let rows = fold.rows.changed
                return (fold, rows.isEmpty ? nil : P.store(rows, generation: generation))
            }
            if let (fold, store) = result {
                guard let store, store.parameters.bytes.count > bounds.bytes,
                    let excess = fold.excess(of: events, generation)
                else { return (fold, store) }
                start.bar(
                    excess.event,
                    "the rows of \(excess.event.stream.id) take \(excess.bytes) bytes, more than \(excess.bound)")
            } else if let event = events.first(where: { $0.position == watch.position }) {
                try Task.checkCancellation()
                throw FoldHang(event: event, bound: bounds.time)
            } else {
                throw CancellationError()
            }
        }
    }

    /// The first event of the stream whose rows take the most beyond what they may; nil if none does.
    private func excess(
        of events: [RecordedEvent], _ generation: Int32
    ) -> (event: RecordedEvent, bytes: Int, bound: Int)? {
        Dictionary(grouping: events, by: \.stream.id).values.map { events in
            let rows = Self.ids(of: events).filter { self.rows.isTouched($0) }.compactMap { self.rows[$0] }
            let bytes = P.store(rows, generation: generation).parameters.bytes.count
            return (events[0], bytes, bounds.bytes(for: events.count))
        }.filter { $0.1 > $0.2 }.max { $0.1 - $0.2 < $1.1 - $1.2 }
    }
}
