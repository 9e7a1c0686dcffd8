package import Runtime

/// An account: a customer whose devices, people and views are kept apart from all others.
package enum Account: Decider {
    package enum Command: Sendable, Equatable {
        case open(id: AccountID, name: String)
        case rename(String)
        case activate
        case deactivate
        case close
        case changeSettings(AccountSettings)
        /// With `rotatesSecret` a webhook gets a new secret, even if nothing else changes.
        case setMailbox(Mailbox, rotatesSecret: Bool = false)
        case removeMailbox(name: String)
        /// Adds a device type of the account's own, or changes it; its version is counted here.
        case defineDeviceType(name: DeviceType, TelemetrySchema)
        case createClaimCode(ClaimCode)
        /// Together with the registration of the device.
        case useClaimCode(id: String, device: String)
        case revokeClaimCode(id: String)
    }

    package enum Event: Sendable, Equatable {
        case opened(AccountOpened)
        case renamed(AccountRenamed)
        case activated(AccountActivated)
        case deactivated(AccountDeactivated)
        case closed(AccountClosed)
        case settingsChanged(AccountSettingsChanged)
        case mailboxSet(Mailbox)
        case mailboxSecretRotated(MailboxSecretRotated)
        case mailboxRemoved(MailboxRemoved)
        case deviceTypeDefined(DeviceTypeDefined)
        case claimCodeCreated(ClaimCodeCreated)
        case claimCodeUsed(ClaimCodeUsed)
        case claimCodeRevoked(ClaimCodeRevoked)
    }

    package enum Rejection: Error, Sendable, Equatable {
        /// Also the answer for an account that the principal may not know of.
        case unknownAccount
        case alreadyOpen
        case closed
        case unknownMailbox
        case unknownClaimCode
        /// The code is used up, expired or revoked, or the account is not active.
        case claimRefused
        case malformed(field: String, reason: String)
    }

    package enum Status: String, Sendable, Codable {
        case unopened
        case active
        case inactive
        case closed
    }

    package struct State: Sendable, Codable, Equatable {
        package var status = Status.unopened
        package var id = AccountID.default
        package var name = ""
        package var settings = AccountSettings()
        package var mailboxes: [String: Mailbox] = [:]
        /// The account's own, by name.
        package var deviceTypes: [String: TelemetrySchema] = [:]
        /// By their ids.
        package var claimCodes: [String: KnownClaimCode] = [:]

        package init() {}
    }

    package static let category = "account"
    package static let stateVersion: Int32 = 5
    package static var initial: State { State() }

    package static func account(of state: State) -> AccountID { state.id }

    package static func approximateHeapBytes(of state: State) -> Int {
        // A mailbox has an address and a name.
        state.name.approximateHeapBytes + state.mailboxes.approximateHeapBytes + state.mailboxes.count * 200
            + state.deviceTypes.count * 2_000 + state.claimCodes.count * 250
    }

    package static func decide(
        _ command: Command, in state: State, context: CommandContext
    ) throws(Rejection) -> [Event] {
        if case .open(let id, let name) = command {
            guard state.status == .unopened else { throw .alreadyOpen }
            guard context.scope.includes(id) else { throw .unknownAccount }
            return [.opened(AccountOpened(id: id, name: try checked(name)))]
        }
        guard state.status != .unopened, context.scope.includes(state.id) else { throw .unknownAccount }
        if state.status == .closed {
            if command == .close { return [] }
            throw .closed
        }
        switch command {
        case .open: return []
        case .rename(let name):
            return name == state.name ? [] : [.renamed(AccountRenamed(name: try checked(name)))]
        case .activate: return state.status == .active ? [] : [.activated(AccountActivated())]
        case .deactivate: return state.status == .inactive ? [] : [.deactivated(AccountDeactivated())]
        case .close: return [.closed(AccountClosed())]
        case .changeSettings(let settings):
            try settings.check()
            return settings == state.settings ? [] : [.settingsChanged(AccountSettingsChanged(settings: settings))]
        case .setMailbox(let mailbox, let rotatesSecret):
            return try set(mailbox, rotatesSecret, in: state)
        case .removeMailbox(let name):
            guard state.mailboxes[name] != nil else { throw .unknownMailbox }
            return [.mailboxRemoved(MailboxRemoved(name: name))]
        case .defineDeviceType(let name, let schema):
            return try define(name, schema, in: state)
        case .createClaimCode(let code):
            return try create(code, at: context.time, in: state)
        case .useClaimCode(let id, let device):
            return try use(id, device, at: context.time, in: state)
        case .revokeClaimCode(let id):
            guard state.claimCodes[id] != nil else { throw .unknownClaimCode }
            return [.claimCodeRevoked(ClaimCodeRevoked(id: id))]
        }
    }

    package static func evolve(_ state: inout State, with event: Event, observedAt time: Timestamp) {
        switch event {
        case .opened(let fact):
            state.status = .active
            state.id = fact.id
            state.name = fact.name
        case .renamed(let fact): state.name = fact.name
        case .activated: state.status = .active
        case .deactivated: state.status = .inactive
        case .closed: state.status = .closed
        case .settingsChanged(let fact): state.settings = fact.settings
        case .mailboxSet(let mailbox): state.mailboxes[mailbox.name] = mailbox
        case .mailboxSecretRotated: break
        case .mailboxRemoved(let fact): state.mailboxes[fact.name] = nil
        case .deviceTypeDefined(let fact): state.deviceTypes[fact.name.rawValue] = fact.schema
        case .claimCodeCreated(let fact):
            state.claimCodes = state.claimCodes.filter { $0.value.code.expires > time }
            state.claimCodes[fact.code.id] = KnownClaimCode(code: fact.code)
        case .claimCodeUsed(let fact): state.claimCodes[fact.id]?.used += 1
        case .claimCodeRevoked(let fact): state.claimCodes[fact.id] = nil
        }
    }

    private static func set(_ mailbox: Mailbox, _ rotatesSecret: Bool, in state: State) throws(Rejection) -> [Event] {
        try mailbox.check()
        let known = state.mailboxes[mailbox.name]
        guard known != nil || state.mailboxes.count < Mailbox.mostOfAnAccount else {
            throw .malformed(
                field: "name", reason: "is one too many: an account has \(Mailbox.mostOfAnAccount) mailboxes")
        }
        var events: [Event] = known == mailbox ? [] : [.mailboxSet(mailbox)]
        // A webhook that is new gets its first secret; there is nothing to rotate.
        if rotatesSecret, case .webhook = mailbox.channel, case .webhook = known?.channel {
            events.append(.mailboxSecretRotated(MailboxSecretRotated(name: mailbox.name)))
        }
        return events
    }

    private static func define(
        _ name: DeviceType, _ schema: TelemetrySchema, in state: State
    ) throws(Rejection) -> [Event] {
        guard (1...64).contains(name.rawValue.utf8.count),
            name.rawValue.utf8.allSatisfy({ $0.isLowercaseLetter || $0.isDigit || $0 == UInt8(ascii: "-") })
        else { throw .malformed(field: "name", reason: "must be 1 to 64 of a-z, 0-9 and -") }
        try schema.check()
        let known = state.deviceTypes[name.rawValue]
        if let known, known.hasSameTerms(as: schema) { return [] }
        guard known != nil || state.deviceTypes.count < TelemetrySchema.mostOfAnAccount else {
            throw .malformed(
                field: "name", reason: "is one too many: an account has \(TelemetrySchema.mostOfAnAccount) types")
        }
        var next = schema
        next.version = (known?.version ?? 0) + 1
        return [.deviceTypeDefined(DeviceTypeDefined(name: name, schema: next))]
    }

    private static func checked(_ name: String) throws(Rejection) -> String {
        guard (1...200).contains(name.utf8.count) else {
            throw .malformed(field: "name", reason: "must have 1 to 200 bytes")
        }
        guard !name.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) else {
            throw .malformed(field: "name", reason: "must not contain control characters")
        }
        return name
    }
}
