import Foundation
import Yams

/// Where settings come from, the first that has one wins: flags, environment, settings file.
struct SettingsSources {
    private let flags: [String: String]
    private let environment: [String: String]
    private let file: [String: String]
    private let filePath: String

    init(
        flags: [String: String], environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(SettingsError) {
        self.flags = flags
        self.environment = environment
        filePath = flags["config"] ?? environment["FLEETLOG_CONFIG"] ?? ""
        file = filePath.isEmpty ? [:] : try Self.read(filePath)
    }

    /// The value of the setting and where it was found, for error messages.
    func value(_ key: String) -> (text: String, origin: String)? {
        if let text = flags[key] { return (text, "--\(key)") }
        let variable = Self.variable(for: key)
        if let text = environment[variable], !text.isEmpty { return (text, variable) }
        if let text = file[key] { return (text, "'\(key)' in \(filePath)") }
        return nil
    }

    func text(_ key: String, default standard: String) -> String { value(key)?.text ?? standard }

    func required(_ key: String) throws(SettingsError) -> String {
        guard let text = value(key)?.text else {
            throw SettingsError("missing setting: give --\(key) or \(Self.variable(for: key))")
        }
        return text
    }

    func number(_ key: String, in range: ClosedRange<Int>, default standard: Int) throws(SettingsError) -> Int {
        guard let (text, origin) = value(key) else { return standard }
        guard let number = Int(text), range.contains(number) else {
            throw SettingsError(
                "\(origin) is '\(text)': give a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// What the file that the setting names holds, without the space around it; nil if it names none.
    func secret(_ key: String) throws(SettingsError) -> String? {
        guard let (path, origin) = value(key) else { return nil }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw SettingsError("\(origin): the file \(path) cannot be read")
        }
        return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    static func variable(for key: String) -> String {
        "FLEETLOG_" + key.uppercased().replacing("-", with: "_")
    }

    private static func read(_ path: String) throws(SettingsError) -> [String: String] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw SettingsError("the settings file \(path) cannot be read")
        }
        let node: Node?
        do {
            node = try Yams.compose(yaml: String(decoding: data, as: UTF8.self))
        } catch {
            throw SettingsError("the settings file \(path) is not YAML: \(error)")
        }
        guard let node else { return [:] }
        guard let mapping = node.mapping else {
            throw SettingsError("the settings file \(path) must be a list of 'key: value' lines")
        }
        var values: [String: String] = [:]
        for (key, value) in mapping {
            guard let name = key.scalar?.string, SettingsSources.names.contains(name) else {
                throw SettingsError(
                    "the settings file \(path) has an unknown key '\(key.scalar?.string ?? "?")'; "
                        + "the keys are the flags that 'fleetlog serve --help' lists")
            }
            guard let text = value.scalar?.string else {
                throw SettingsError("'\(name)' in \(path) must be a single value")
            }
            values[name] = text
        }
        return values
    }

    static let names: Set<String> = [
        "database-url", "migration-database-url", "database-pool-size", "http-host", "http-port", "metrics-access",
        "http-secure-cookies",
        "mqtt-host", "mqtt-port", "mqtt-username", "mqtt-secret-file", "mqtt-client-id", "mqtt-guard",
        "device-messages-per-minute", "device-bytes-per-second", "device-limit-action", "device-ca-file",
        "webhook-allow-private",
        "smtp-url", "smtp-username", "smtp-secret-file",
        "smtp-from", "smtp-tls", "smtp-ca-file", "drift-check-seconds", "view-wait-seconds", "actor-memory-mb",
        "actor-idle-seconds", "command-window-seconds", "redelivery-window-seconds", "clock-drift-seconds",
        "database-disk",
        "database-disk-watermark", "seal-key-file", "seal-heads-file", "log-level",
    ]
}

struct SettingsError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
