import Runtime
import Synchronization

/// A log of which one stream cannot be read for a while.
final class PoisonableStore: EventStore {
    private let inner: any EventStore
    private let poisoned = Mutex<StreamName?>(nil)

    init(_ inner: any EventStore) { self.inner = inner }

    var signal: LogSignal { inner.signal }

    func poison(_ stream: StreamName) { poisoned.withLock { $0 = stream } }
    func heal() { poisoned.withLock { $0 = nil } }

    func append(_ append: Append) async throws(EventStoreError) -> AppendOutcome { try await inner.append(append) }

    func append(_ appends: [Append]) async -> [Result<AppendOutcome, EventStoreError>] { await inner.append(appends) }

    func readStream(
        _ stream: StreamName, from version: Int64, after position: Int64, limit: Int
    ) async throws(EventStoreError) -> [RecordedEvent] {
        if poisoned.withLock({ $0 == stream }) { throw .corrupt(position: 1, reason: "a damaged row") }
        return try await inner.readStream(stream, from: version, after: position, limit: limit)
    }

    func acceptances(of commands: [UUID128]) async throws(EventStoreError) -> [RecordedAcceptance] {
        try await inner.acceptances(of: commands)
    }

    func readLog(after position: Int64, where filter: LogFilter, limit: Int) async throws(EventStoreError) -> LogPage {
        try await inner.readLog(after: position, where: filter, limit: limit)
    }

    func head() async throws(EventStoreError) -> LogHead { try await inner.head() }
}
