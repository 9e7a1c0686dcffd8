@testable import Runtime

#if !SANITIZE_THREAD
    import Synchronization
#endif

/// An event store whose appends a test can hold, fail or precede.
final class InterposedStore: EventStore {
    typealias Interception = @Sendable (Append) async throws(EventStoreError) -> Void

    let inner: InMemoryEventStore
    private let interception: Mutex<Interception?>
    private let losesAnswer = Mutex<(@Sendable () -> Bool)?>(nil)
    private let seen = Mutex<[Append]>([])

    init(_ inner: InMemoryEventStore = InMemoryEventStore(), beforeAppend: Interception? = nil) {
        self.inner = inner
        interception = Mutex(beforeAppend)
    }

    var appends: [Append] { seen.withLock { $0 } }
    var signal: LogSignal { inner.signal }

    func intercept(_ body: Interception?) { interception.withLock { $0 = body } }

    /// Makes an append that was stored look as if it could not be, whenever `body` says so.
    func loseAnswers(_ body: (@Sendable () -> Bool)?) { losesAnswer.withLock { $0 = body } }

    func append(_ append: Append) async throws(EventStoreError) -> AppendOutcome {
        seen.withLock { $0.append(append) }
        if let body = interception.withLock({ $0 }) { try await body(append) }
        let outcome = try await inner.append(append)
        if losesAnswer.withLock({ $0 })?() ?? false { throw .unavailable(reason: "the answer was lost") }
        return outcome
    }

    func readStream(
        _ stream: StreamName, from version: Int64, after position: Int64, limit: Int
    ) async throws(EventStoreError) -> [RecordedEvent] {
        try await inner.readStream(stream, from: version, after: position, limit: limit)
    }

    func readLog(after position: Int64, where filter: LogFilter, limit: Int) async throws(EventStoreError) -> LogPage {
        try await inner.readLog(after: position, where: filter, limit: limit)
    }

    func acceptances(of commands: [UUID128]) async throws(EventStoreError) -> [RecordedAcceptance] {
        try await inner.acceptances(of: commands)
    }

    func head() async throws(EventStoreError) -> LogHead { try await inner.head() }
}

/// Lets a test hold others until it says go, and know that they wait.
actor Gate {
    private var isOpen = false
    private var held: [CheckedContinuation<Void, Never>] = []
    private var watchers: [CheckedContinuation<Void, Never>] = []

    func pass() async {
        if isOpen { return }
        await withCheckedContinuation { continuation in
            held.append(continuation)
            for watcher in watchers { watcher.resume() }
            watchers = []
        }
    }

    func open() {
        isOpen = true
        for continuation in held { continuation.resume() }
        held = []
    }

    /// Returns once somebody is held.
    func someoneWaits() async {
        if !held.isEmpty { return }
        await withCheckedContinuation { watchers.append($0) }
    }
}
