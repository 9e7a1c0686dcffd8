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
    }

    package enum Event: Sendable, Equatable {
        case opened(AccountOpened)
        case renamed(AccountRenamed)
        case activated(AccountActivated)
        case deactivated(AccountDeactivated)
        case closed(AccountClosed)
        case settingsChanged(AccountSettingsChanged)
    }

    package enum Rejection: Error, Sendable, Equatable {
        /// Also the answer for an account that the principal may not know of.
        case unknownAccount
        case alreadyOpen
        case closed
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

        package init() {}
    }

    package static let category = "account"
    package static let stateVersion: Int32 = 2
    package static var initial: State { State() }

    package static func account(of state: State) -> AccountID { state.id }

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
            return settings == state.settings ? [] : [.settingsChanged(AccountSettingsChanged(settings: settings))]
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
        }
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
