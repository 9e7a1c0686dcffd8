import Runtime

/// The store's own statements and parameters through bare libpq: encoded beforehand, one batch after the other, with
/// what the store would know of the streams by then.
///
/// Each batch holds one event of every writer, the most that as many writers in a closed loop can produce.
struct PlainWriters: Sendable {
    let writers: Int
    let events: Int

    /// Events per second.
    func run(on url: String) async throws -> Double {
        let appends = LogRows(writers: writers, events: events)
        var known = KnownVersions()
        var head: Int64 = 0
        let bound = appends.batches.map { appends in
            let batch = AppendBatch(appends, &known)
            let statements = batch.statements(expecting: known.expectedHead(for: batch.mark))
            let receipt = AppendReceipt(
                firstPosition: head + 1, eventCount: 1, recordedTime: Timestamp(microseconds: 0))
            let outcomes = appends.map { _ in AppendOutcome.accepted(receipt) }
            known.learn(appends, outcomes, of: batch.mark, found: head, left: head + Int64(appends.count))
            head += Int64(appends.count)
            return statements
        }
        let batches = bound.map { PlainBatch($0) }
        return try await onThreadOfItsOwn { [prepared = bound.first ?? []] in
            let connection = try PlainConnection(url)
            for setting in AppendStatements.session { try connection.execute(setting.sql) }
            for bound in prepared where bound.statement.isPrepared {
                try connection.prepare(bound.statement, types: bound.parameters.slots.map(\.type))
            }
            try connection.enterPipeline()
            let begin = ContinuousClock.now
            for batch in batches { try connection.run(batch) }
            return Double(appends.count) / ((.now - begin) / .seconds(1))
        }
    }
}

/// The events that writers in step would append, in batches of one event each as far as the store's limit allows.
struct LogRows: Sendable {
    let writers: Int
    let versions: Int

    init(writers: Int, events: Int) {
        self.writers = writers
        versions = max(1, events / writers)
    }

    var count: Int { writers * versions }

    var batches: [[Append]] {
        let sample = SampleEvents()
        let limit = CommitQueue<Never>.Limits().batchEvents
        return (1...versions).flatMap { version in
            stride(from: 0, to: writers, by: limit).map { first in
                (first..<min(first + limit, writers)).map { sample.append(of: $0, version: Int64(version)) }
            }
        }
    }
}
