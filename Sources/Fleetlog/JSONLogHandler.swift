import Foundation
import Glibc
import Logging

/// Writes each log entry as one JSON object on a line of its own to standard error.
///
/// Entries hold what the program put into them and nothing else; values under a key that names a secret are left out,
/// should one ever get there.
struct JSONLogHandler: LogHandler {
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    private let label: String
    private let write: @Sendable ([UInt8]) -> Void

    init(
        label: String, level: Logger.Level,
        write: @escaping @Sendable ([UInt8]) -> Void = JSONLogHandler.toStandardError
    ) {
        self.label = label
        logLevel = level
        self.write = write
    }

    /// Makes it the handler of every logger that is made from now on; to be called once.
    static func bootstrap(level: Logger.Level) {
        LoggingSystem.bootstrap { label in JSONLogHandler(label: label, level: level) }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { $1 } }
        if let own = event.metadata { all.merge(own) { $1 } }
        var entry: [String: Any] = [
            "time": Date.now.formatted(.iso8601.year().month().day().time(includingFractionalSeconds: true)),
            "level": event.level.rawValue, "logger": label, "message": event.message.description,
        ]
        if !all.isEmpty { entry["metadata"] = Self.object(all) }
        guard
            var line = try? JSONSerialization.data(
                withJSONObject: entry, options: [.sortedKeys, .withoutEscapingSlashes])
        else { return }
        line.append(UInt8(ascii: "\n"))
        write(Array(line))
    }

    private static func object(_ metadata: Logger.Metadata) -> [String: Any] {
        var object: [String: Any] = [:]
        for (key, value) in metadata { object[key] = isSecret(key) ? "(left out)" : plain(value) }
        return object
    }

    private static func plain(_ value: Logger.MetadataValue) -> Any {
        switch value {
        case .string(let text): text
        case .stringConvertible(let value): value.description
        case .array(let values): values.map(plain)
        case .dictionary(let values): object(values)
        }
    }

    private static func isSecret(_ key: String) -> Bool {
        let key = key.lowercased()
        return ["token", "password", "secret", "apikey", "authorization", "cookie"].contains { key.contains($0) }
    }

    /// One call for the whole line, so that lines of several threads do not mix.
    private static func toStandardError(_ line: [UInt8]) {
        _ = line.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}
