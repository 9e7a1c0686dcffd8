/// A command to several aggregates together, of one kind or several: all of them take it, or none does.
package struct JointCommand: Sendable {
    package let id: UUID128
    /// What the command says, as a hash. If set, its acceptance is remembered on each stream that it was sent to; see
    /// ``CommandEnvelope/fingerprint``.
    package let fingerprint: UUID128?
    package let context: CommandContext

    package init(id: UUID128, fingerprint: UUID128?, context: CommandContext) {
        self.id = id
        self.fingerprint = fingerprint
        self.context = context
    }
}

/// What came of an accepted joint command.
package struct JointReceipt: Sendable, Hashable {
    /// `recorded` if any aggregate has stored events.
    package var effect: CommandReceipt.Effect
    /// For each aggregate that was sent something.
    package var receipts: [StreamName: CommandReceipt]
}

/// Why a joint command was not accepted; nothing was stored.
package enum JointError<Refusal: Error>: Error {
    /// The decision said no.
    case refused(Refusal)
    /// The command's id was accepted before, for a command that said something else.
    case reused
    /// Others kept moving the streams.
    case contended
    /// The store is full; a later attempt may succeed.
    case overloaded
    /// The events can never be stored.
    case invalid(reason: String)
    /// The log cannot be reached.
    case unavailable(reason: String)
    /// A stream cannot be read by this program.
    case broken(reason: String)
}

extension JointError: Equatable where Refusal: Equatable {}

extension JointError {
    init(_ error: EventStoreError) {
        switch error {
        case .invalid(let reason, _): self = .invalid(reason: reason)
        case .overloaded: self = .overloaded
        case .corrupt, .retained: self = .broken(reason: error.debugDescription)
        case .unavailable, .closed: self = .unavailable(reason: error.debugDescription)
        }
    }
}
