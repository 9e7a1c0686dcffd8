package import Runtime

/// A command that leaves the outbox for an aggregate.
package struct OutboundCommand<Command: Sendable>: Sendable {
    /// The same however often it is sent; the aggregate takes it once.
    package var id: UUID128
    package var command: Command
    package var context: CommandContext
    /// The term of the runner that sends it.
    package var fence: StreamVersion

    package init(id: UUID128, command: Command, context: CommandContext, fence: StreamVersion) {
        self.id = id
        self.command = command
        self.context = context
        self.fence = fence
    }
}

/// What came of a command from the outbox.
package enum CommandVerdict: Sendable, Hashable {
    case accepted
    case unchanged
    case duplicate
    case rejected(reason: String)
    /// Nothing happened, and a later attempt may succeed.
    case unavailable(reason: String)
    /// It can never be stored.
    case invalid(reason: String)
    /// Another server has taken over.
    case fenced
}

/// Where the commands for one kind of aggregate go.
package protocol CommandSink<Command>: Sendable {
    associatedtype Command: Sendable

    /// Sends each aggregate its commands in order; the verdicts lie as the commands do.
    func send(_ batches: [(id: String, commands: [OutboundCommand<Command>])]) async -> [[CommandVerdict]]
}
