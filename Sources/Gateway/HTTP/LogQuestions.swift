import HTTPTypes
import Runtime

/// What a request asks of the log.
extension QueryParameters {
    /// An instant; nil if it is not given.
    func time(_ name: String) throws(Problem) -> Timestamp? {
        guard let text = self[name] else { return nil }
        guard let time = Timestamp(text) else {
            throw .malformed(
                name, "\(name) must be an RFC 3339 time such as 2026-11-21T08:00:00Z, a + written as %2B.")
        }
        return time
    }

    /// From one instant, and until before another.
    func span() throws(Problem) -> (from: Timestamp?, to: Timestamp?) {
        let span = (from: try time("from"), to: try time("to"))
        if let from = span.from, let to = span.to, to < from {
            throw .malformed("from", "from must not be after to.")
        }
        return span
    }

    func id(_ name: String) throws(Problem) -> UUID128? {
        guard let text = self[name] else { return nil }
        guard let id = UUID128(text) else { throw .malformed(name, "\(name) must be a UUID.") }
        return id
    }

    func stream() throws(Problem) -> StreamName? {
        guard let text = self["stream"] else { return nil }
        guard let stream = StreamName(text) else {
            throw .malformed("stream", "stream must be a stream's name, such as device-k3x.")
        }
        return stream
    }

    func principal() throws(Problem) -> Principal? {
        guard let text = self["principal"] else { return nil }
        guard let principal = Principal(text) else {
            throw .malformed("principal", "principal must be user:ID, device:ID, workflow:NAME or system.")
        }
        return principal
    }
}

extension EventStore {
    /// Whether a stream ever had an event in scope; if not, it does not exist for the caller.
    func shows(_ stream: StreamName, to scope: AccountScope) async throws(Problem) -> Bool {
        do throws(EventStoreError) {
            return try await includes(stream, in: scope)
        } catch {
            throw Problem(error)
        }
    }
}

extension HTTPFields {
    static func position(_ head: LogHead) -> HTTPFields { [.position: "\(head.position)"] }
}

extension Timestamp {
    /// The last instant that is not yet this one.
    var justBefore: Timestamp { Timestamp(microseconds: microseconds == .min ? .min : microseconds - 1) }
}
