/// A command on its way to an aggregate. An object, since it passes through many hands and nobody changes it.
package final class CommandEnvelope<Command: Sendable>: Sendable {
    /// A command whose id the aggregate has seen lately changes nothing and is answered as the first time.
    package let id: UUID128
    /// Ids under which an earlier delivery of the same command may have been stored.
    package let earlierIDs: [UUID128]
    package let command: Command
    package let context: CommandContext
    /// If set, the stream version the aggregate must stand at; otherwise the command is refused as stale.
    package let expectedVersion: Int64?
    /// A stream that must not have moved when the events are stored, for example the ingest lease.
    package let fence: StreamVersion?
    /// Written with the events of this command, if there are any.
    package let sideRows: [SideRow]
    /// What the command says, as a hash. If set, its acceptance is remembered in the log for the command window, even if
    /// it leaves no events, and another command under its id is refused. Otherwise its id is recognised by its events,
    /// among the stream's recent ones.
    package let fingerprint: UUID128?

    package init(
        id: UUID128, earlierIDs: [UUID128] = [], _ command: Command, context: CommandContext,
        expectedVersion: Int64? = nil, fence: StreamVersion? = nil, sideRows: [SideRow] = [],
        fingerprint: UUID128? = nil
    ) {
        self.id = id
        self.earlierIDs = earlierIDs
        self.command = command
        self.context = context
        self.expectedVersion = expectedVersion
        self.fence = fence
        self.sideRows = sideRows
        self.fingerprint = fingerprint
    }
}

/// What came of an accepted command.
package struct CommandReceipt: Sendable, Hashable {
    package enum Effect: Sendable, Hashable {
        /// Events were stored.
        case recorded
        /// The command was accepted and had nothing to change.
        case unchanged
        /// The command had been accepted before.
        case duplicate
    }
    package var effect: Effect
    package var stream: StreamName
    /// The stream's version after the command.
    package var version: Int64
    /// The position of the command's last event; of the stream's last event if the command left none.
    package var position: Int64

    package init(effect: Effect, stream: StreamName, version: Int64, position: Int64) {
        self.effect = effect
        self.stream = stream
        self.version = version
        self.position = position
    }
}

/// Why a command was not accepted.
package enum DispatchError<Rejection: Error & Sendable & Equatable>: Error, Sendable, Equatable {
    /// The aggregate said no.
    case rejected(Rejection)
    /// The aggregate stands at another version than the caller expected.
    case stale(version: Int64)
    /// The mailbox or the store is full; nothing happened, and a later attempt may succeed.
    case overloaded
    /// The fence has moved: somebody else has taken over the caller's role.
    case fenced
    /// The command's id was accepted before, for a command that said something else.
    case reused
    /// Others kept changing the stream; nothing happened.
    case contended
    /// The events can never be stored.
    case invalid(reason: String)
    /// The log cannot be reached; nothing happened.
    case unavailable(reason: String)
    /// The stream cannot be read by this program.
    case broken(reason: String)
}

extension DispatchError {
    /// Why the log could not be read before a command was decided.
    init(reading error: EventStoreError) {
        switch error {
        case .corrupt, .retained: self = .broken(reason: error.debugDescription)
        case .overloaded: self = .overloaded
        default: self = .unavailable(reason: error.debugDescription)
        }
    }
}

package typealias CommandResult<D: Decider> = Result<CommandReceipt, DispatchError<D.Rejection>>
