import Runtime
import Support

/// Appends numbered operations one after another, each until it is accepted, and keeps book of what was acknowledged.
struct NumberedWriter {
    let name: String
    let store: any EventStore
    private(set) var history = SentHistory()
    /// Where each stream stood when this writer last heard of it.
    private var versions: [StreamName: Int64] = [:]

    init(_ name: String, to store: any EventStore) {
        self.name = name
        self.store = store
    }

    /// One event, under an id of its own; appended behind whatever others have appended meanwhile.
    ///
    /// - Parameter isAlone: whether nobody else writes to the stream, so that a conflict is an error.
    mutating func write(_ number: Int, to stream: StreamName, isAlone: Bool = false) async throws {
        let operation = SentHistory.Operation(name, number)
        let event = NewEvent.sample(data: Array(#"{"writer":"\#(name)","n":\#(number)}"#.utf8))
        history.uncertain.insert(operation)
        while true {
            let expected = versions[stream] ?? 0
            do throws(EventStoreError) {
                switch try await store.append(Append([StreamChange(stream, expecting: expected, events: [event])])) {
                case .accepted:
                    versions[stream] = expected + 1
                    history.acknowledged.insert(operation)
                    history.uncertain.remove(operation)
                    return
                case .conflict(let actual):
                    guard !isAlone else { throw .invalid(reason: "\(stream) is ahead of \(expected)", sqlState: nil) }
                    versions[stream] = actual.first { $0.stream == stream }?.version ?? 0
                }
            } catch {
                guard case .unavailable = error else { throw error }
            }
        }
    }

    /// The operations of a log, in its order.
    static func operations(in events: [RecordedEvent]) throws -> [SentHistory.Operation] {
        try events.filter { $0.type == "Sampled" }.map { event in
            // {"writer":"NAME","n":NUMBER}
            let parts = String(decoding: event.data, as: UTF8.self).split(separator: "\"")
            guard parts.count == 7, let number = Int(parts[6].drop { !$0.isNumber }.prefix { $0.isNumber }) else {
                throw EventStoreError.corrupt(position: event.position, reason: "no numbered operation")
            }
            return SentHistory.Operation(String(parts[3]), number)
        }
    }
}

extension SentHistory {
    func joined(with other: SentHistory) -> SentHistory {
        SentHistory(
            acknowledged: acknowledged.union(other.acknowledged), uncertain: uncertain.union(other.uncertain))
    }
}

extension EventStore {
    /// The whole log, read page by page until there is no more.
    func wholeLog() async throws -> [RecordedEvent] {
        var events: [RecordedEvent] = []
        while true {
            let page = try await readLog(after: events.last?.position ?? 0, where: .everything, limit: 5_000)
            if page.events.isEmpty { return events }
            events += page.events
        }
    }
}
