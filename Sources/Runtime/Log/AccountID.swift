/// The id of the account that a stream belongs to.
package struct AccountID: Sendable, Hashable, Codable, CustomStringConvertible {
    package let rawValue: String

    package init(_ rawValue: String) { self.rawValue = rawValue }

    /// The account that exists from the first start.
    package static let `default` = AccountID("default")

    package init(from decoder: any Decoder) throws {
        rawValue = try decoder.singleValueContainer().decode(String.self)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }

    package var description: String { rawValue }
}

/// Which accounts a principal may see and change.
package enum AccountScope: Sendable, Hashable {
    case all
    case only(AccountID)

    package func includes(_ account: AccountID) -> Bool {
        switch self {
        case .all: true
        case .only(let own): own == account
        }
    }
}
