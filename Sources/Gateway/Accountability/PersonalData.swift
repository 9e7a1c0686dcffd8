package import Runtime
import Synchronization

/// What an answer may hold of the people behind an account, their places and their devices.
package enum PersonalData: String, Sendable, Codable, CaseIterable {
    /// Several devices, as a list or as what changed among them.
    case devices
    case device
    /// What a device has measured.
    case readings
    case accounts
    /// One account, with its settings.
    case account
    case mailboxes
    case alerts
    case notifications
    /// Events as the log has them, as lists, one by one, or as they come.
    case events
    /// Events to take away.
    case export
}

/// Somebody's reading of personal data: who, of which account, and what. Never the data.
package struct PersonalRead: Sendable, Hashable {
    package var principal: Principal
    package var account: AccountID
    package var data: PersonalData
    /// The stream of the one thing that was read; nil for lists.
    package var subject: String?

    package init(by principal: Principal, of account: AccountID, _ data: PersonalData, subject: String? = nil) {
        self.principal = principal
        self.account = account
        self.data = data
        self.subject = subject
    }
}

/// The events that say who read personal data: each account has a stream of its own.
package enum AccessStreams {
    package static let category = "access"

    package struct DataRead: Sendable, Codable, Hashable {
        package var data: PersonalData
        package var subject: String?
    }

    package static let codec = EventCodec<DataRead>([.init("PersonalDataRead", wrap: { $0 }, unwrap: { $0 })])

    static func stream(of account: AccountID) -> StreamName {
        StreamName(category: category, id: account.rawValue)
    }
}

/// Whose data an answer holds, as the work for it finds out.
final class ShownData: Sendable {
    struct Entry: Hashable {
        var account: AccountID
        var subject: String?
    }

    private let entries = Mutex<Set<Entry>>([])

    var all: Set<Entry> { entries.withLock { $0 } }

    func add(_ entry: Entry) { entries.withLock { _ = $0.insert(entry) } }
}
