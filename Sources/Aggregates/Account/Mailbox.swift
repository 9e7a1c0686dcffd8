/// A place that an account's notifications go to.
package struct Mailbox: Sendable, Equatable {
    package enum Channel: Sendable, Equatable {
        case webhook(url: String)
        case email(address: String)

        /// Its name in events, tables and answers.
        package var name: String {
            switch self {
            case .webhook: "webhook"
            case .email: "email"
            }
        }

        /// Where it goes: the URL or the address.
        package var target: String {
            switch self {
            case .webhook(let url): url
            case .email(let address): address
            }
        }
    }

    package var name: String
    package var channel: Channel
    /// The least that a notification must matter to come here.
    package var severity: Severity
    /// Whether it also gets the signed heads of the log.
    package var heads: Bool

    package init(name: String, channel: Channel, severity: Severity, heads: Bool = false) {
        self.name = name
        self.channel = channel
        self.severity = severity
        self.heads = heads
    }

    package static let mostOfAnAccount = 32

    func check() throws(Account.Rejection) {
        try Self.check(name: name)
        switch channel {
        case .webhook(let url):
            if let reason = WebhookURL.reasonAgainst(url) { throw .malformed(field: "url", reason: reason) }
        case .email(let address):
            guard EmailAddress.isPlausible(address) else {
                throw .malformed(field: "address", reason: "must be an e-mail address such as ada@example.com")
            }
        }
    }

    static func check(name: String) throws(Account.Rejection) {
        guard (1...64).contains(name.utf8.count),
            name.utf8.allSatisfy({ $0.isLowercaseLetter || $0.isDigit || $0 == UInt8(ascii: "-") })
        else { throw .malformed(field: "name", reason: "must be 1 to 64 of a-z, 0-9 and -") }
    }
}

extension Mailbox: Codable {
    private enum Key: CodingKey { case name, channel, url, address, severity, heads }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        name = try container.decode(String.self, forKey: .name)
        severity = try container.decode(Severity.self, forKey: .severity)
        heads = try container.decodeIfPresent(Bool.self, forKey: .heads) ?? false
        switch try container.decode(String.self, forKey: .channel) {
        case "webhook": channel = .webhook(url: try container.decode(String.self, forKey: .url))
        case "email": channel = .email(address: try container.decode(String.self, forKey: .address))
        case let other:
            throw DecodingError.dataCorruptedError(
                forKey: .channel, in: container, debugDescription: "unknown channel \(other)")
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(name, forKey: .name)
        try container.encode(channel.name, forKey: .channel)
        switch channel {
        case .webhook(let url): try container.encode(url, forKey: .url)
        case .email(let address): try container.encode(address, forKey: .address)
        }
        try container.encode(severity, forKey: .severity)
        if heads { try container.encode(true, forKey: .heads) }
    }
}

extension UInt8 {
    var isLowercaseLetter: Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self) }
    var isLetter: Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20) }
    var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
}
