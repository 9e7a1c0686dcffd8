import Synchronization

/// What a readiness check wants to know of ingest.
package enum IngestState: Sendable, Hashable {
    /// Another server ingests, or none can at the moment.
    case candidate
    case leading
    case connected(generation: Int64)
}

/// The state of ingest, readable from anywhere.
final class IngestStatus: Sendable {
    private let state = Mutex(IngestState.candidate)

    var now: IngestState { state.withLock { $0 } }
    func become(_ next: IngestState) { state.withLock { $0 = next } }
}
