import Aggregates
import Runtime

/// What every account's workflows go by as of any position, folded from the log.
struct SettingsHistory {
    private struct Entry {
        var position: Int64
        var terms: AccountTerms
    }
    private var changes: [AccountID: [Entry]] = [:]

    static let eventTypes: Set<String> = ["AccountSettingsChanged", DeviceTypeDefined.type]
    static let category = "account"

    /// - Throws: ``EventCodecError`` if the event cannot be read; what was before it stays.
    mutating func fold(_ event: RecordedEvent) throws(EventCodecError) {
        guard Self.eventTypes.contains(event.type), event.stream.category == Self.category else { return }
        let account = event.metadata.account
        // The log is read twice where the runner starts between its checkpoint and the head.
        guard event.position > changes[account]?.last?.position ?? 0 else { return }
        var terms = changes[account]?.last?.terms ?? AccountTerms()
        switch try Account.codec.decode(event) {
        case .settingsChanged(let fact): terms.settings = fact.settings
        case .deviceTypeDefined(let fact):
            terms.silenceIntervals[fact.name] = .seconds(fact.schema.silenceSeconds)
        default: return
        }
        changes[account, default: []].append(Entry(position: event.position, terms: terms))
    }

    func terms(of account: AccountID, at position: Int64) -> AccountTerms {
        changes[account]?.last { $0.position <= position }?.terms ?? AccountTerms()
    }
}
