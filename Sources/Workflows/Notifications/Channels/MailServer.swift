import Aggregates

/// The server that takes the e-mail, as the operator has set it.
package struct MailServer: Sendable, CustomStringConvertible {
    package enum Encryption: Sendable { case required, none }

    /// `smtp://host:587` or `smtps://host:465`.
    package var url: String
    package var username: String?
    package var password: String?
    /// The address that the messages come from.
    package var sender: String
    package var encryption: Encryption
    /// A file of certificates to trust instead of the system's.
    package var certificates: String?

    package init(
        url: String, username: String? = nil, password: String? = nil, sender: String, encryption: Encryption,
        certificates: String? = nil
    ) {
        self.url = url
        self.username = username
        self.password = password
        self.sender = sender
        self.encryption = encryption
        self.certificates = certificates
    }

    package static func isPlausible(sender: String) -> Bool { EmailAddress.isPlausible(sender) }

    /// Never the password.
    package var description: String { url }
}
