/// One attempt at a joint command: what its members are, and what they have decided so far. Pure.
package struct JointTurn: Sendable {
    private let command: JointCommand
    private let nextEventID: @Sendable () -> UUID128
    private var members: [StreamName: any JointMemberTurn]
    /// By the names of their streams, so that the same members always make the same append.
    private var ordered: [any JointMemberTurn] {
        members.values.sorted { $0.stream.description < $1.stream.description }
    }

    init(
        _ command: JointCommand, _ members: [StreamName: any JointMemberTurn],
        nextEventID: @escaping @Sendable () -> UUID128
    ) {
        self.command = command
        self.members = members
        self.nextEventID = nextEventID
    }

    /// The member's state, with what it has decided in this attempt.
    package func state<D>(of member: Member<D>) -> D.State { turn(of: member).state }

    /// The member's version before this attempt.
    package func version<D>(of member: Member<D>) -> Int64 { turn(of: member).base.version }

    /// Has the member decide the command; its events are stored with those of the others.
    ///
    /// - Parameter sideRows: written with the member's events, if the command leads to any.
    /// - Throws: `rejected` if it says no, `invalid` if its events cannot be encoded.
    package mutating func send<D>(
        _ command: D.Command, to member: Member<D>, sideRows: [SideRow] = []
    ) throws(DispatchError<D.Rejection>) {
        var turn = turn(of: member)
        try turn.take(command, of: self.command, sideRows: sideRows, nextEventID: nextEventID)
        members[member.stream] = turn
    }

    private func turn<D>(of member: Member<D>) -> MemberTurn<D> {
        guard let turn = members[member.stream] as? MemberTurn<D> else {
            preconditionFailure("\(member.stream) was not named as a member")
        }
        return turn
    }

    private var addressed: [any JointMemberTurn] { ordered.filter(\.isAddressed) }
    private var changed: [any JointMemberTurn] { ordered.filter { !$0.events.isEmpty } }

    /// Holds the streams of all members to where they stood.
    var append: Append {
        Append(
            changed.map {
                StreamChange($0.stream, expecting: $0.base.version, at: $0.base.position, events: $0.events)
            },
            conditions: ordered.filter { $0.events.isEmpty }.map {
                StreamVersion($0.stream, at: $0.base.version)
            },
            sideRows: changed.flatMap(\.sideRows),
            acceptances: acceptances)
    }

    private var acceptances: [Acceptance] {
        guard let fingerprint = command.fingerprint else { return [] }
        return addressed.map {
            Acceptance(
                of: command.id, by: $0.stream, version: $0.base.version + Int64($0.events.count),
                fingerprint: fingerprint)
        }
    }

    /// The answer after `append` was accepted.
    func receipt(_ append: Append, _ stored: AppendReceipt) -> JointReceipt {
        var receipts: [StreamName: CommandReceipt] = [:]
        for turn in addressed where turn.events.isEmpty {
            receipts[turn.stream] = CommandReceipt(
                effect: .unchanged, stream: turn.stream, version: turn.base.version, position: turn.base.position)
        }
        var position = stored.firstPosition - 1
        for change in append.changes {
            position += Int64(change.events.count)
            receipts[change.stream] = CommandReceipt(
                effect: .recorded, stream: change.stream,
                version: change.expectedVersion + Int64(change.events.count), position: position)
        }
        return JointReceipt(effect: append.changes.isEmpty ? .unchanged : .recorded, receipts: receipts)
    }
}
