/// A stream that this server cannot read, and has stopped trying to read for everybody who asks.
package struct IsolatedStream: Sendable, Equatable {
    package var stream: StreamName
    package var reason: String
    package var since: Timestamp
    package var retry: Timestamp
}

/// Where isolated streams can be seen and tried again.
package protocol StreamSupervision: Sendable {
    var category: String { get }

    /// The isolated streams, in the order of their names.
    func isolatedStreams(at time: Timestamp) -> [IsolatedStream]

    /// Has an isolated stream read again; false if the aggregate's is not isolated. Whether that helped the list tells.
    func restart(_ id: String) async -> Bool
}

extension Directory: StreamSupervision {
    package nonisolated var category: String { D.category }

    package nonisolated func isolatedStreams(at time: Timestamp) -> [IsolatedStream] {
        context.supervisor.list().map { id, reason, since, retry in
            IsolatedStream(
                stream: StreamName(category: D.category, id: id), reason: reason, since: time + (.zero - since),
                retry: time + retry)
        }.sorted { $0.stream.description < $1.stream.description }
    }

    package nonisolated func restart(_ id: String) async -> Bool {
        guard context.supervisor.demand(id) else { return false }
        _ = try? await recall(id)
        return true
    }

    /// Whether commands for the aggregate are refused at present without asking it.
    package nonisolated func isRefusing(_ id: String) -> Bool { context.supervisor.refusal(of: id) != nil }

    /// Tries the streams again whose time has come, so that they heal even if nobody asks for them.
    package nonisolated func restartDue() async {
        for id in context.supervisor.due(16) { _ = try? await recall(id) }
        context.supervisor.forgetQuiet()
    }
}

extension Supervision.Failure {
    /// What commands are answered with meanwhile.
    func refusal<Rejection>() -> DispatchError<Rejection> {
        switch self {
        case .unreadable(let reason): .broken(reason: reason)
        case .contended: .contended
        }
    }
}
