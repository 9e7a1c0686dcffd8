@testable import Runtime

#if !SANITIZE_THREAD
    import Synchronization
#endif

/// A store that counts what is read of streams.
final class CountingStore: EventStore {
    struct Count: Sendable, Equatable {
        var calls = 0
        var events = 0
    }

    private let inner: any EventStore
    private let alone = Mutex(Count())
    private let together = Mutex(Count())
    private let asked = Mutex(0)

    init(_ inner: any EventStore) { self.inner = inner }

    var signal: LogSignal { inner.signal }
    var reads: Count { alone.withLock { $0 } }
    /// How often it was asked for acceptances.
    var questions: Int { asked.withLock { $0 } }
    var tails: Count { together.withLock { $0 } }

    func append(_ append: Append) async throws(EventStoreError) -> AppendOutcome { try await inner.append(append) }

    func append(_ appends: [Append]) async -> [Result<AppendOutcome, EventStoreError>] { await inner.append(appends) }

    func readStream(
        _ stream: StreamName, from version: Int64, after position: Int64, limit: Int
    ) async throws(EventStoreError) -> [RecordedEvent] {
        let events = try await inner.readStream(stream, from: version, after: position, limit: limit)
        alone.withLock { count in
            count.calls += 1
            count.events += events.count
        }
        return events
    }

    func readTails(_ tails: [StreamPlace], limit: Int) async throws(EventStoreError)
        -> [Result<[RecordedEvent], EventStoreError>]
    {
        let answers = try await inner.readTails(tails, limit: limit)
        together.withLock { count in
            count.calls += 1
            for answer in answers { if case .success(let events) = answer { count.events += events.count } }
        }
        return answers
    }

    func readLog(after position: Int64, where filter: LogFilter, limit: Int) async throws(EventStoreError) -> LogPage {
        try await inner.readLog(after: position, where: filter, limit: limit)
    }

    func acceptances(of commands: [UUID128]) async throws(EventStoreError) -> [RecordedAcceptance] {
        asked.withLock { $0 += 1 }
        return try await inner.acceptances(of: commands)
    }

    func head() async throws(EventStoreError) -> LogHead { try await inner.head() }
}
