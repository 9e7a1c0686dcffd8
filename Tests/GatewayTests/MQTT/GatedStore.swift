import Runtime
import Synchronization

/// A log that does what a test wants: holds appends back, is unreachable, or refuses one stream.
final class GatedStore: EventStore {
    private struct State {
        var isHeld = false
        var isUnavailable = false
        var refusals: [StreamName: EventStoreError] = [:]
        var waiting: [CheckedContinuation<Void, Never>] = []
        var heldAppends = 0
        var appends = 0
    }
    private let store = InMemoryEventStore()
    private let state = Mutex(State())
    var signal: LogSignal { store.signal }

    /// How many appends stood at the closed gate.
    var heldAppends: Int { state.withLock { $0.heldAppends } }

    /// How many appends it was asked for.
    var appends: Int { state.withLock { $0.appends } }

    func hold() { state.withLock { $0.isHeld = true } }

    func release() {
        let waiting = state.withLock { state in
            state.isHeld = false
            defer { state.waiting = [] }
            return state.waiting
        }
        for waiter in waiting { waiter.resume() }
    }

    func setUnavailable(_ isUnavailable: Bool) { state.withLock { $0.isUnavailable = isUnavailable } }

    /// Refuses appends to the stream with `error`; takes them again if nil.
    func refuse(_ stream: StreamName, with error: EventStoreError?) { state.withLock { $0.refusals[stream] = error } }

    func append(_ append: Append) async throws(EventStoreError) -> AppendOutcome {
        await withCheckedContinuation { continuation in
            let passes = state.withLock { state in
                state.appends += 1
                guard state.isHeld else { return true }
                state.heldAppends += 1
                state.waiting.append(continuation)
                return false
            }
            if passes { continuation.resume() }
        }
        let error: EventStoreError? = state.withLock { state in
            if state.isUnavailable { return .unavailable(reason: "the test says so") }
            return append.changes.compactMap { state.refusals[$0.stream] }.first
        }
        if let error { throw error }
        return try await store.append(append)
    }

    func readStream(
        _ stream: StreamName, from version: Int64, after position: Int64, limit: Int
    ) async throws(EventStoreError) -> [RecordedEvent] {
        try await store.readStream(stream, from: version, after: position, limit: limit)
    }

    func readLog(after position: Int64, where filter: LogFilter, limit: Int) async throws(EventStoreError) -> LogPage {
        try await store.readLog(after: position, where: filter, limit: limit)
    }

    func acceptances(of commands: [UUID128]) async throws(EventStoreError) -> [RecordedAcceptance] {
        try await store.acceptances(of: commands)
    }

    func head() async throws(EventStoreError) -> LogHead { try await store.head() }
}
