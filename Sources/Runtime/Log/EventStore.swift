/// The append-only log, and the only truth of the system.
///
/// Two implementations answer the same contract suite: ``InMemoryEventStore`` and ``PostgresEventStore``.
package protocol EventStore: LogSource {
    /// Stores the events of all changes if every expected version and every condition holds.
    ///
    /// Not cancelled with the calling task: once asked, the answer is awaited.
    func append(_ append: Append) async throws(EventStoreError) -> AppendOutcome

    /// The same for many appends that do not depend on each other; the answers lie as the appends do.
    func append(_ appends: [Append]) async -> [Result<AppendOutcome, EventStoreError>]

    /// The events of a stream from `version` upward, in order, at most `limit`.
    ///
    /// - Parameter position: of an event before them, or 0; spares a look at what is older.
    func readStream(
        _ stream: StreamName, from version: Int64, after position: Int64, limit: Int
    ) async throws(EventStoreError) -> [RecordedEvent]

    /// The events of a stream behind a place in it, to be folded onto the state there; in order, at most `limit`.
    ///
    /// - Throws: ``EventStoreError/retained(through:)`` if some of them have left the log.
    func readTail(_ place: StreamPlace, limit: Int) async throws(EventStoreError) -> [RecordedEvent]

    /// The last event of the stream that has left the log; nil if none has.
    func floor(of stream: StreamName) async throws(EventStoreError) -> StreamPlace?

    /// The events of many streams after the place given with each, in order, at most `limit` of a stream; the answers
    /// lie as the streams do. A stream that cannot be read, or has lost some of them, fails alone.
    ///
    /// - Parameter tails: some hundreds at most, since they are read together.
    func readTails(_ tails: [StreamPlace], limit: Int) async throws(EventStoreError)
        -> [Result<[RecordedEvent], EventStoreError>]

    /// Whether the stream has an event in scope, so that whoever asks may know of it. For a stream of others the same is
    /// done as for one that does not exist.
    func includes(_ stream: StreamName, in scope: AccountScope) async throws(EventStoreError) -> Bool

    /// Where the commands with these ids were accepted, as far as that is remembered.
    func acceptances(of commands: [UUID128]) async throws(EventStoreError) -> [RecordedAcceptance]
}

extension EventStore {
    package func readStream(
        _ stream: StreamName, from version: Int64, limit: Int
    ) async throws(EventStoreError) -> [RecordedEvent] {
        try await readStream(stream, from: version, after: 0, limit: limit)
    }

    package func readTail(_ place: StreamPlace, limit: Int) async throws(EventStoreError) -> [RecordedEvent] {
        try await readStream(place.stream, from: place.version + 1, after: place.position, limit: limit)
    }

    package func floor(of stream: StreamName) async throws(EventStoreError) -> StreamPlace? { nil }

    package func includes(_ stream: StreamName, in scope: AccountScope) async throws(EventStoreError) -> Bool {
        try await !readLog(after: 0, where: LogFilter(scope: scope, stream: stream), limit: 1).events.isEmpty
    }

    package func readTails(
        _ tails: [StreamPlace], limit: Int
    ) async throws(EventStoreError) -> [Result<[RecordedEvent], EventStoreError>] {
        var answers: [Result<[RecordedEvent], EventStoreError>] = []
        for tail in tails {
            do throws(EventStoreError) {
                let events = try await readTail(tail, limit: limit)
                answers.append(.success(events))
            } catch {
                switch error {
                case .corrupt, .retained: answers.append(.failure(error))
                default: throw error
                }
            }
        }
        return answers
    }

    package func streamLog(
        after start: Int64, through end: Int64, category: String?, _ body: (LogPage) async throws -> Void
    ) async throws {
        var position = start
        while position < end {
            var page = try await readLog(
                after: position, where: LogFilter(category: category, scope: .all), limit: 1_000)
            page.events.removeAll { $0.position > end }
            page.end = min(page.end, end)
            try await body(page)
            position = page.end
        }
    }

    package func append(_ appends: [Append]) async -> [Result<AppendOutcome, EventStoreError>] {
        await withTaskGroup(of: (Int, Result<AppendOutcome, EventStoreError>).self) { group in
            for (index, append) in appends.enumerated() {
                group.addTask { (index, await self.outcome(of: append)) }
            }
            var answers = [Result<AppendOutcome, EventStoreError>](repeating: .failure(.closed), count: appends.count)
            for await (index, answer) in group { answers[index] = answer }
            return answers
        }
    }

    private func outcome(of append: Append) async -> Result<AppendOutcome, EventStoreError> {
        do throws(EventStoreError) {
            return .success(try await self.append(append))
        } catch {
            return .failure(error)
        }
    }
}

package struct LogHead: Sendable, Hashable {
    package var position: Int64
    package var recordedTime: Timestamp

    package init(position: Int64, recordedTime: Timestamp) {
        self.position = position
        self.recordedTime = recordedTime
    }
}

/// Which events a reader of the log wants.
package struct LogFilter: Sendable, Hashable {
    /// All categories if nil.
    package var category: String?
    package var scope: AccountScope
    /// All types if nil.
    package var type: String?
    /// All streams if nil.
    package var stream: StreamName?
    /// Whoever asked for it, if nil.
    package var principal: Principal?
    /// Whatever they follow from, if nil. Readings follow from no request, and have none.
    package var correlationID: UUID128?

    package init(
        category: String? = nil, type: String? = nil, scope: AccountScope, stream: StreamName? = nil,
        principal: Principal? = nil, correlationID: UUID128? = nil
    ) {
        self.category = category
        self.type = type
        self.scope = scope
        self.stream = stream
        self.principal = principal
        self.correlationID = correlationID
    }

    package static let everything = LogFilter(scope: .all)

    /// The one category that all admitted events are of; nil if they may be of several.
    var onlyCategory: String? { category ?? stream?.category }

    package func admits(_ event: RecordedEvent) -> Bool {
        (category == nil || category == event.stream.category)
            && (type == nil || type == event.type)
            && (stream == nil || stream == event.stream)
            && (principal == nil || principal == event.metadata.principal)
            && (correlationID == nil || correlationID == event.metadata.correlationID)
            && scope.includes(event.metadata.account)
    }
}

/// A page of the log, and how far the reader has seen the whole log with it.
package struct LogPage: Sendable, Hashable {
    package var events: [RecordedEvent]
    /// Continue after this position: every matching event up to here is in this page or an earlier one.
    package var end: Int64

    package init(events: [RecordedEvent], end: Int64) {
        self.events = events
        self.end = end
    }
}
