/// An aggregate that takes part in a joint command, or must only stand as the decision has found it.
package protocol JointMember: Sendable {
    var stream: StreamName { get }

    /// What the log has of it now, to be decided upon.
    func recall() async throws(EventStoreError) -> any JointMemberTurn

    /// Tells its actor, if it is awake here, how far its stream has come.
    func note(version: Int64) async
}

/// What a member has decided in one attempt.
package protocol JointMemberTurn: Sendable {
    var stream: StreamName { get }
    var base: (version: Int64, position: Int64) { get }
    var events: [NewEvent] { get }
    var sideRows: [SideRow] { get }
    /// Whether it was sent a command.
    var isAddressed: Bool { get }

    /// Where an earlier delivery of the command has left the stream, as far as its recent events tell.
    func earlierReceipt(of command: UUID128) -> CommandReceipt?
}

extension Directory {
    /// The aggregate as a member of joint commands.
    package nonisolated func member(_ id: String) -> Member<D> { Member(directory: self, id: id) }
}

package struct Member<D: Decider>: JointMember {
    fileprivate let directory: Directory<D>
    package let id: String

    package var stream: StreamName { StreamName(category: D.category, id: id) }

    package func recall() async throws(EventStoreError) -> any JointMemberTurn {
        do throws(DispatchError<D.Rejection>) {
            let memory = try await directory.recallLatest(id)
            return MemberTurn<D>(memory, stream)
        } catch {
            switch error {
            case .broken(let reason): throw .corrupt(position: 0, reason: reason)
            case .overloaded: throw .overloaded
            default: throw .unavailable(reason: String(describing: error))
            }
        }
    }

    package func note(version: Int64) async { await directory.note(version: version, of: id) }
}

struct MemberTurn<D: Decider>: JointMemberTurn {
    let memory: AggregateMemory<D>
    private var turn: Turn<D>
    private(set) var isAddressed = false

    init(_ memory: AggregateMemory<D>, _ stream: StreamName) {
        self.memory = memory
        // Whatever it is sent belongs to one command.
        turn = Turn(stream: stream, upon: memory, commands: 1)
    }

    var stream: StreamName { turn.stream }
    var base: (version: Int64, position: Int64) { turn.base }
    var state: D.State { turn.state }
    var events: [NewEvent] { turn.events }
    var sideRows: [SideRow] { turn.sideRows }

    mutating func take(
        _ command: D.Command, of joint: JointCommand, sideRows: [SideRow], nextEventID: () -> UUID128
    ) throws(DispatchError<D.Rejection>) {
        isAddressed = true
        let envelope = CommandEnvelope(id: joint.id, command, context: joint.context, sideRows: sideRows)
        turn.decide([envelope], upon: memory, nextEventID: nextEventID)
        if let refusal = turn.lastRefusal { throw refusal }
    }

    func earlierReceipt(of command: UUID128) -> CommandReceipt? {
        memory.recentCommands[command].map {
            CommandReceipt(effect: .duplicate, stream: stream, version: $0.version, position: $0.position)
        }
    }
}
