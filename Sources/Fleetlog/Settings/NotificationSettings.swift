import Foundation
import Workflows

/// How notifications leave this server.
struct NotificationSettings: Sendable {
    var webhooks: AddressPolicy
    /// Nil if e-mail is not set up.
    var mail: MailServer?

    init(_ sources: SettingsSources) throws(SettingsError) {
        webhooks = try Self.policy(sources)
        mail = try Self.mailServer(sources)
    }

    private static func policy(_ sources: SettingsSources) throws(SettingsError) -> AddressPolicy {
        guard let (text, origin) = sources.value("webhook-allow-private") else { return AddressPolicy() }
        guard let policy = AddressPolicy(text) else {
            throw SettingsError(
                "\(origin) is '\(text)': give blocks such as 10.1.0.0/16, or loopback, with commas between")
        }
        return policy
    }

    private static func mailServer(_ sources: SettingsSources) throws(SettingsError) -> MailServer? {
        guard let (url, origin) = sources.value("smtp-url") else {
            for key in ["smtp-username", "smtp-secret-file", "smtp-from", "smtp-tls", "smtp-ca-file"] {
                if let (_, origin) = sources.value(key) { throw SettingsError("\(origin) is set without --smtp-url") }
            }
            return nil
        }
        guard let parts = URLComponents(string: url), ["smtp", "smtps"].contains(parts.scheme), let host = parts.host,
            !host.isEmpty, parts.user == nil, parts.path.isEmpty || parts.path == "/", parts.query == nil
        else {
            // Not repeated: a password may be in it.
            throw SettingsError(
                "\(origin) must be smtp://host:587 or smtps://host:465, with nothing else in it")
        }
        guard let (sender, senderOrigin) = sources.value("smtp-from") else {
            throw SettingsError("\(origin) needs --smtp-from, the address that messages come from")
        }
        guard MailServer.isPlausible(sender: sender) else {
            throw SettingsError("\(senderOrigin) is '\(sender)': give an address such as fleetlog@example.com")
        }
        let isLocal = ["localhost", "127.0.0.1", "::1", "[::1]"].contains(host)
        let encryption: MailServer.Encryption
        switch sources.value("smtp-tls") {
        case nil: encryption = isLocal && parts.scheme == "smtp" ? .none : .required
        case ("required", _)?: encryption = .required
        case ("none", _)?: encryption = .none
        case (let text, let origin)?: throw SettingsError("\(origin) is '\(text)': give required or none")
        }
        return MailServer(
            url: url, username: sources.value("smtp-username")?.text,
            password: try sources.secret("smtp-secret-file"), sender: sender, encryption: encryption,
            certificates: sources.value("smtp-ca-file")?.text)
    }
}
