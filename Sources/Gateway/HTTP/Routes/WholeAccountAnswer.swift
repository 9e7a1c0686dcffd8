import Aggregates
import Runtime

/// An account with all that is set in it, for comparing; secrets and codes are in none of it.
struct WholeAccountAnswer: Encodable {
    var id: AccountID
    var name: String
    var state: String
    var openedTime: Timestamp
    var settings: AccountSettings
    /// By name.
    var mailboxes: [String: MailboxAnswer]
    /// Its own, by name.
    var deviceTypes: [String: DeviceTypeAnswer]
    /// By id.
    var claimCodes: [String: ClaimCodeAnswer]
    var version: Int64

    init(_ memory: AggregateMemory<Account>, openedTime: Timestamp) {
        id = memory.state.id
        name = memory.state.name
        state = memory.state.status.rawValue
        self.openedTime = openedTime
        settings = memory.state.settings
        mailboxes = memory.state.mailboxes.mapValues { MailboxAnswer($0) }
        deviceTypes = memory.state.deviceTypes.reduce(into: [:]) {
            $0[$1.key] = DeviceTypeAnswer($1.key, .account, $1.value)
        }
        claimCodes = memory.state.claimCodes.mapValues { ClaimCodeAnswer($0) }
        version = memory.version
    }
}
