package import Runtime

extension Alert: Decider {
    package enum Rejection: Error, Sendable, Equatable {
        /// Also the answer for an alert of an account that the principal may not know of.
        case unknownAlert
        case cleared
        case malformed(field: String, reason: String)
    }

    package enum Status: String, Sendable, Codable, CaseIterable {
        case unraised
        case open
        case acknowledged
        case cleared
    }

    package struct State: Sendable, Codable, Equatable {
        package var status = Status.unraised
        package var account = AccountID.default

        package init() {}
    }

    package static let category = "alert"
    package static let stateVersion: Int32 = 1
    /// The server that runs the workflows raises and clears, any other acknowledges.
    package static let isWrittenByMany = true
    package static var initial: State { State() }

    package static func account(of state: State) -> AccountID { state.account }

    package static func approximateHeapBytes(of state: State) -> Int { 0 }

    package static func decide(
        _ command: Command, in state: State, context: CommandContext
    ) throws(Rejection) -> [Event] {
        if case .raise(let alert) = command, state.status == .unraised {
            guard context.scope.includes(alert.account) else { throw .unknownAlert }
            return [.raised(alert)]
        }
        guard state.status != .unraised, context.scope.includes(state.account) else { throw .unknownAlert }
        switch (command, state.status) {
        case (.acknowledge(let note), .open):
            return [.acknowledged(AlertAcknowledged(note: try checked(note)))]
        case (.acknowledge, .cleared):
            throw .cleared
        case (.clear(let reason), .open), (.clear(let reason), .acknowledged):
            return [.cleared(AlertCleared(reason: reason))]
        case (.raise, _), (.acknowledge, _), (.clear, _):
            return []
        }
    }

    package static func evolve(_ state: inout State, with event: Event, observedAt time: Timestamp) {
        switch event {
        case .raised(let fact):
            state.status = .open
            state.account = fact.account
        case .acknowledged: state.status = .acknowledged
        case .cleared: state.status = .cleared
        }
    }

    private static func checked(_ note: String) throws(Rejection) -> String {
        guard note.utf8.count <= 500 else { throw .malformed(field: "note", reason: "may have 500 bytes") }
        guard !note.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) else {
            throw .malformed(field: "note", reason: "must not contain control characters")
        }
        return note
    }
}
