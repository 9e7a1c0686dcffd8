package import Aggregates
package import Logging
package import Runtime
import ServiceLifecycle
import Synchronization

/// The telemetry schemas of all accounts as the log has them now, whichever server has changed them.
package final class TelemetryCatalog: Service {
    private struct State {
        var schemas: TelemetrySchemas
        var position: Int64 = 0
    }

    private let log: any LogSource
    private let logger: Logger
    private let state: Mutex<State>
    private let filter = LogFilter(category: Account.category, type: DeviceTypeDefined.type, scope: .all)

    /// - Parameter clockDriftSeconds: by how many seconds a device's clock may be wrong before it is said so.
    package init(log: any LogSource, clockDriftSeconds: Int = 60, logger: Logger) {
        self.log = log
        self.logger = logger
        state = Mutex(State(schemas: .readyMade.limitingClocks(toSeconds: clockDriftSeconds)))
    }

    /// To be held for as long as a round takes.
    package var current: TelemetrySchemas { state.withLock { $0.schemas } }

    /// Reads what the log has by now; to be done before the first reading is judged.
    package func load() async throws(EventStoreError) {
        let head = try await log.head().position
        while state.withLock({ $0.position }) < head {
            let start = state.withLock { $0.position }
            take(try await log.readLog(after: start, where: filter, limit: 1_000))
        }
    }

    package func run() async throws { await cancelWhenGracefulShutdown { await self.follow() } }

    private func follow() async {
        let subscription = Subscription(to: log, where: filter)
        var backoff = Backoff(first: .milliseconds(100), limit: .seconds(5))
        while !Task.isCancelled {
            do throws(EventStoreError) {
                take(try await subscription.page(after: state.withLock { $0.position }))
                backoff.reset()
            } catch {
                if Task.isCancelled { return }
                logger.warning("Device types cannot be followed", metadata: ["error": "\(error.debugDescription)"])
                try? await Task.sleep(for: backoff.next())
            }
        }
    }

    private func take(_ page: LogPage) {
        state.withLock { state in
            for event in page.events where event.position > state.position {
                do throws(EventCodecError) {
                    guard case .deviceTypeDefined(let fact) = try Account.codec.decode(event) else { continue }
                    state.schemas = state.schemas.defining(fact.name, fact.schema, in: event.metadata.account)
                } catch {
                    logger.error(
                        "A device type cannot be read; the one before stays",
                        metadata: ["position": "\(event.position)"])
                }
            }
            state.position = max(state.position, page.end)
        }
    }
}
