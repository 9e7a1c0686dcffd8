import Runtime

/// The store's own statements and parameters through bare libpq: encoded beforehand, one batch after the other, with
/// what the store would know of the streams by then.
struct PlainAppends: Sendable {
    private let batches: [PlainBatch]
    private let prepared: [BoundStatement]
    private let events: Int

    /// - Parameters:
    ///   - batches: each with one append a stream at most.
    ///   - start: the position that the log has reached before.
    init(_ batches: [[Append]], after start: Int64 = 0) {
        var known = KnownVersions()
        var head = start
        let bound = batches.map { appends in
            let batch = AppendBatch(appends, &known)
            let statements = batch.statements(expecting: known.expectedHead(for: batch.mark))
            let first = head + 1
            let outcomes = appends.map { append in
                defer { head += Int64(append.eventCount) }
                return AppendOutcome.accepted(
                    AppendReceipt(
                        firstPosition: head + 1, eventCount: append.eventCount,
                        recordedTime: Timestamp(microseconds: 0)))
            }
            known.learn(appends, outcomes, of: batch.mark, found: first - 1, left: head)
            return statements
        }
        self.batches = bound.map { PlainBatch($0) }
        // As long as little is known, the store uses other statements than later.
        prepared = Array(
            Dictionary(bound.joined().map { ($0.statement.name, $0) }, uniquingKeysWith: { first, _ in first }).values)
        events = Int(head - start)
    }

    /// Events per second.
    func run(on url: String) async throws -> Double {
        try await onThreadOfItsOwn {
            let connection = try PlainConnection(url)
            for setting in AppendStatements.session { try connection.execute(setting.sql) }
            for bound in prepared where bound.statement.isPrepared {
                try connection.prepare(bound.statement, types: bound.parameters.slots.map(\.type))
            }
            try connection.enterPipeline()
            let begin = ContinuousClock.now
            for batch in batches { try connection.run(batch) }
            return Double(events) / ((.now - begin) / .seconds(1))
        }
    }
}
