import Runtime
import Synchronization

/// A log in memory that notes what it is asked, and how much it answers.
final class CountedStore: EventStore {
    private let inner: InMemoryEventStore
    private let noted = Mutex<[String]>([])

    init(now: @escaping @Sendable () -> Timestamp = { .now() }) { inner = InMemoryEventStore(now: now) }

    var signal: LogSignal { inner.signal }

    /// What was asked since this was asked last.
    func takeNotes() -> [String] {
        noted.withLock { notes in
            defer { notes = [] }
            return notes
        }
    }

    private func note(_ what: String) { noted.withLock { $0.append(what) } }

    func append(_ append: Append) async throws(EventStoreError) -> AppendOutcome {
        note("append")
        return try await inner.append(append)
    }

    func readStream(
        _ stream: StreamName, from version: Int64, after position: Int64, limit: Int
    ) async throws(EventStoreError) -> [RecordedEvent] {
        let events = try await inner.readStream(stream, from: version, after: position, limit: limit)
        note("readStream from \(version), limit \(limit): \(events.count)")
        return events
    }

    func readLog(after position: Int64, where filter: LogFilter, limit: Int) async throws(EventStoreError) -> LogPage {
        let page = try await inner.readLog(after: position, where: filter, limit: limit)
        // The catalog of types follows the accounts by itself.
        if filter.category == "account" { return page }
        note("readLog after \(position) of \(filter.category ?? "all"), limit \(limit): \(page.events.count)")
        return page
    }

    func includes(_ stream: StreamName, in scope: AccountScope) async throws(EventStoreError) -> Bool {
        note("includes \(scope)")
        return try await inner.includes(stream, in: scope)
    }

    func acceptances(of commands: [UUID128]) async throws(EventStoreError) -> [RecordedAcceptance] {
        note("acceptances of \(commands.count)")
        return try await inner.acceptances(of: commands)
    }

    func head() async throws(EventStoreError) -> LogHead {
        note("head")
        return try await inner.head()
    }
}
