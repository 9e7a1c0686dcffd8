import Logging
import Runtime

/// What a term of the runner works with.
struct RunnerContext: Sendable {
    let runner: String
    let hosts: [WorkflowHost]
    let store: any EventStore
    /// Where events are read as they come; may trail the store by a moment.
    let feed: (any LogSource)?
    let pool: PostgresPool
    let pace: RunnerPace
    /// Rises when commands were put into the outbox.
    let outbox: LogSignal
    let metrics: RunnerMetrics
    let logger: Logger
    let observe: @Sendable (RunnerHappening) async -> Void

    /// Does what needs the database, and tries again for as long as that cannot be reached.
    func patiently<Value>(_ body: () async throws -> Value) async throws(RunnerEnd) -> Value {
        var backoff = Backoff(first: .milliseconds(100), limit: .seconds(5))
        while true {
            let reason: String
            do {
                return try await body()
            } catch let end as RunnerEnd {
                throw end
            } catch let error as EventStoreError {
                switch error {
                case .invalid, .corrupt, .retained: throw .broken(reason: error.debugDescription)
                case .unavailable, .overloaded, .closed: reason = error.debugDescription
                }
            } catch let error as PostgresError {
                if error.isLasting { throw .broken(reason: error.debugDescription) }
                reason = error.debugDescription
            } catch {
                throw .broken(reason: "\(error)")
            }
            if Task.isCancelled { throw .cancelled }
            logger.warning("Workflows wait for the database", metadata: ["reason": "\(reason)"])
            do { try await Task.sleep(for: backoff.next()) } catch { throw .cancelled }
        }
    }
}

extension PostgresError {
    /// Whether the same would fail again.
    var isLasting: Bool {
        switch self {
        case .decoding, .misuse: true
        case .server(let server): ["22", "23", "42", "54"].contains(server.sqlState.classCode)
        default: false
        }
    }
}
