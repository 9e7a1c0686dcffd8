package import Logging
import Synchronization

/// Keeps what is logged.
package final class KeptLog: Sendable {
    private struct Handler: LogHandler {
        let kept: KeptLog
        var logLevel = Logger.Level.info
        var metadata: Logger.Metadata = [:]

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) { kept.entries.withLock { $0.append(event.message.description) } }
    }

    private let entries = Mutex<[String]>([])

    package init() {}

    package var logger: Logger { Logger(label: "test") { _ in Handler(kept: self) } }

    package func count(of message: String) -> Int { entries.withLock { $0.filter { $0 == message }.count } }
}
