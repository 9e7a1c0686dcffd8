import Aggregates
import Runtime

/// The settings of every account as of any position, folded from the log.
struct SettingsHistory {
    private struct Entry {
        var position: Int64
        var settings: AccountSettings
    }
    private var changes: [AccountID: [Entry]] = [:]

    static let eventType = "AccountSettingsChanged"
    static let category = "account"

    /// - Throws: ``EventCodecError`` if the settings cannot be read; those before them stay.
    mutating func fold(_ event: RecordedEvent) throws(EventCodecError) {
        guard event.type == Self.eventType, event.stream.category == Self.category,
            case .settingsChanged(let fact) = try Account.codec.decode(event)
        else { return }
        let account = event.metadata.account
        // The log is read twice where the runner starts between its checkpoint and the head.
        guard event.position > changes[account]?.last?.position ?? 0 else { return }
        changes[account, default: []].append(Entry(position: event.position, settings: fact.settings))
    }

    func settings(of account: AccountID, at position: Int64) -> AccountSettings {
        changes[account]?.last { $0.position <= position }?.settings ?? AccountSettings()
    }
}
