package import Runtime
import Synchronization

/// Puts into the log who reads personal data, before the answer goes out.
///
/// Reads that come while an append is under way go with the next one together.
package actor ReadRecorder {
    private struct Waiting {
        var reads: [PersonalRead]
        var request: Request
        var answer: CheckedContinuation<Result<Void, EventStoreError>, Never>
    }

    /// The request that reads.
    package struct Request: Sendable {
        var time: Timestamp
        var correlationID: UUID128?
        var traceParent: String?

        package init(time: Timestamp, correlationID: UUID128? = nil, traceParent: String? = nil) {
            self.time = time
            self.correlationID = correlationID
            self.traceParent = traceParent
        }
    }

    private static let inboxLimit = 10_000
    private static let streamsKept = 10_000

    private let facts: Facts
    private let now: @Sendable () -> ContinuousClock.Instant
    private nonisolated let memory: Mutex<ReadMemory>
    private var inbox: [Waiting] = []
    private var isWriting = false
    private var standing: [StreamName: Int64] = [:]

    package init(
        store: any EventStore, window: Duration = .seconds(3_600), capacity: Int = 50_000,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) {
        facts = Facts(store: store)
        self.now = now
        memory = Mutex(ReadMemory(window: window, capacity: capacity))
    }

    /// Returns when the log has all of them; at once if it has them from within the window.
    package nonisolated func record(_ reads: [PersonalRead], in request: Request) async throws(EventStoreError) {
        let news = unrecorded(reads)
        if !news.isEmpty { try await write(news, request) }
    }

    private nonisolated func unrecorded(_ reads: [PersonalRead]) -> [PersonalRead] {
        let now = now()
        return memory.withLock { memory in reads.filter { !memory.holds($0, at: now) } }
    }

    private func write(_ reads: [PersonalRead], _ request: Request) async throws(EventStoreError) {
        guard inbox.count < Self.inboxLimit else { throw .overloaded }
        let answer = await withCheckedContinuation { answer in
            inbox.append(Waiting(reads: reads, request: request, answer: answer))
            if isWriting { return }
            isWriting = true
            // Not the caller's own task: others wait for it too, and the caller may be cancelled.
            Task { await self.writeUntilIdle() }
        }
        try answer.get()
    }

    private func writeUntilIdle() async {
        while !inbox.isEmpty {
            let waiting = inbox
            inbox = []
            let result = await append(waiting)
            for one in waiting { one.answer.resume(returning: result) }
        }
        isWriting = false
    }

    private func append(_ waiting: [Waiting]) async -> Result<Void, EventStoreError> {
        var taken: Set<PersonalRead> = []
        var events: [(stream: StreamName, event: NewEvent)] = []
        do throws(EventStoreError) {
            for one in waiting {
                for read in unrecorded(one.reads) where taken.insert(read).inserted {
                    events.append((AccessStreams.stream(of: read.account), try Self.event(read, one.request)))
                }
            }
            if !events.isEmpty {
                let reached = try await facts.append(events, standing: standing).standing
                if standing.count > Self.streamsKept { standing.removeAll() }
                standing.merge(reached) { _, new in new }
            }
        } catch {
            return .failure(error)
        }
        let now = now()
        memory.withLock { memory in for read in taken { memory.keep(read, at: now) } }
        return .success(())
    }

    private static func event(_ read: PersonalRead, _ request: Request) throws(EventStoreError) -> NewEvent {
        do throws(EventCodecError) {
            let fact = try AccessStreams.codec.encode(.init(data: read.data, subject: read.subject))
            return NewEvent(
                id: .v7(), type: fact.type, schemaVersion: fact.schemaVersion, class: fact.eventClass,
                observedTime: request.time, data: fact.data,
                metadata: EventMetadata(
                    principal: read.principal, account: read.account, commandID: .v7(),
                    correlationID: request.correlationID, traceParent: request.traceParent))
        } catch {
            throw .invalid(reason: "no JSON of a read", sqlState: nil)
        }
    }
}
