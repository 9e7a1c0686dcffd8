import Foundation
import Gateway
import Logging
import Runtime

/// The settings of a server, found and checked.
struct ServerSettings: Sendable {
    var databaseURL: String
    /// Nil if this server leaves migrations to somebody else.
    var migrationDatabaseURL: String?
    var databasePoolSize: Int
    var http: HTTPConfiguration
    var mqtt: MQTTConfiguration
    var notifications: NotificationSettings
    /// Where the database's files lie, if on this machine.
    var disk: DiskWatch.Disk?
    /// Between two rounds in which memories and snapshots are compared with their events; nil for none.
    var driftCheckInterval: Duration?
    /// When actors go to sleep.
    var passivation: Passivation
    /// In which a command with a fingerprint is remembered.
    var commandWindow: Duration
    /// In which one without is recognised.
    var redeliveryWindow: Duration
    /// By how many seconds a device's clock may be wrong before it is said so.
    var clockDriftSeconds: Int
    var seals: SealSettings
    var logLevel: Logger.Level
    /// Where this server is to be killed; nil for nowhere.
    var failpoint: ArmedFailpoint?

    init(_ sources: SettingsSources) throws(SettingsError) {
        // First, so that nothing else can be the reason that is given.
        failpoint = try ArmedFailpoint(sources)
        databaseURL = try sources.required("database-url")
        migrationDatabaseURL = sources.value("migration-database-url")?.text
        // A rebuild holds two while it asks for a third, and a past view one while it asks for a second.
        databasePoolSize = try sources.number("database-pool-size", in: 4...200, default: 8)
        http = HTTPConfiguration(
            host: sources.text("http-host", default: "127.0.0.1"),
            port: try sources.number("http-port", in: 0...65_535, default: 8_080))
        http.viewWait = .seconds(try sources.number("view-wait-seconds", in: 0...25, default: 5))
        http.metricsAreOpen = try Self.choice(sources, "metrics-access", ["loopback": false, "all": true])
        http.cookiesNeedTLS = try Self.choice(sources, "http-secure-cookies", ["no": false, "yes": true])
        http.deviceAuthority = try Self.deviceAuthority(sources)
        mqtt = MQTTConfiguration(
            broker: BrokerAddress(
                host: sources.text("mqtt-host", default: "127.0.0.1"),
                port: try sources.number("mqtt-port", in: 1...65_535, default: 1_883),
                username: sources.text("mqtt-username", default: "fleetlog"),
                password: try sources.secret("mqtt-secret-file") ?? ""),
            clientID: sources.text("mqtt-client-id", default: "fleetlog-ingest"),
            server: "\(ProcessInfo.processInfo.hostName)-\(ProcessInfo.processInfo.processIdentifier)",
            guardLimit: try Self.guardLimit(sources))
        notifications = try NotificationSettings(sources)
        let watermark = try sources.number("database-disk-watermark", in: 1...100, default: 85)
        disk = sources.value("database-disk").map { DiskWatch.Disk(folder: $0.text, watermark: watermark) }
        let seconds = try sources.number("drift-check-seconds", in: 0...86_400, default: 300)
        driftCheckInterval = seconds == 0 ? nil : .seconds(seconds)
        passivation = Passivation(
            idle: .seconds(try sources.number("actor-idle-seconds", in: 1...604_800, default: 600)),
            memory: ActorMemory(
                limit: try sources.number("actor-memory-mb", in: 16...1_048_576, default: 512) << 20))
        commandWindow = .seconds(try sources.number("command-window-seconds", in: 60...31_536_000, default: 86_400))
        redeliveryWindow = .seconds(try sources.number("redelivery-window-seconds", in: 60...86_400, default: 600))
        clockDriftSeconds = try sources.number("clock-drift-seconds", in: 5...86_400, default: 60)
        seals = try SealSettings(sources)
        logLevel = try Self.logLevel(sources)
    }

    static func logLevel(_ sources: SettingsSources) throws(SettingsError) -> Logger.Level {
        guard let (text, origin) = sources.value("log-level") else { return .info }
        guard let level = Logger.Level(rawValue: text.lowercased()) else {
            throw SettingsError(
                "\(origin) is '\(text)': give \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return level
    }

    /// Nil if the broker has no guard, and somebody else keeps its accounts.
    private static func guardLimit(_ sources: SettingsSources) throws(SettingsError) -> DeviceLimit? {
        guard try choice(sources, "mqtt-guard", ["yes": true, "no": false]) else { return nil }
        let messages = UInt32(try sources.number("device-messages-per-minute", in: 0...1_000_000, default: 6_000))
        let bytes = UInt32(try sources.number("device-bytes-per-second", in: 0...(16 << 20), default: 1 << 20))
        return DeviceLimit(
            messagesPerMinute: messages, messageBurst: 2 * messages, bytesPerSecond: bytes, byteBurst: 64 * bytes,
            action: try choice(sources, "device-limit-action", ["disconnect": .disconnect, "drop": .drop]))
    }

    private static func deviceAuthority(_ sources: SettingsSources) throws(SettingsError) -> DeviceAuthority? {
        guard let text = try sources.secret("device-ca-file") else { return nil }
        do throws(DeviceAuthority.Unreadable) {
            return try DeviceAuthority(pem: text)
        } catch {
            throw SettingsError("\(sources.value("device-ca-file")?.origin ?? ""): \(error)")
        }
    }

    private static func choice<Value>(
        _ sources: SettingsSources, _ key: String, _ choices: KeyValuePairs<String, Value>
    ) throws(SettingsError) -> Value {
        guard let (text, origin) = sources.value(key) else { return choices[0].value }
        guard let chosen = choices.first(where: { $0.key == text }) else {
            throw SettingsError("\(origin) is '\(text)': give \(choices.map(\.key).joined(separator: " or "))")
        }
        return chosen.value
    }
}
