/// Decides joint commands: reads the members, lets them decide, and stores all of it if none has moved meanwhile.
///
/// It does not wait for the members' actors, nor they for it: whoever comes second at the log meets a conflict, reads
/// what the other has stored and decides again.
package struct JointDecisions: Sendable {
    /// How often a command is decided again after a conflict.
    static var attempts: Int { 16 }

    private let store: any EventStore
    private let nextEventID: @Sendable () -> UUID128

    package init(store: any EventStore, nextEventID: @escaping @Sendable () -> UUID128 = { .v7() }) {
        self.store = store
        self.nextEventID = nextEventID
    }

    /// Stores what `decide` has the members decide, all of it or nothing. A member that is sent nothing is held to where
    /// it stood when it was read. A command that was accepted before changes nothing and is answered as the first time.
    ///
    /// - Parameters:
    ///   - members: each aggregate that `decide` looks at or sends something, once.
    ///   - decide: pure; called again whenever a member has moved.
    package func perform<Refusal: Error>(
        _ command: JointCommand, with members: [any JointMember],
        _ decide: (inout JointTurn) throws(Refusal) -> Void
    ) async throws(JointError<Refusal>) -> JointReceipt {
        for _ in 0..<Self.attempts {
            let turns: [StreamName: any JointMemberTurn]
            let earlier: Earlier
            do throws(EventStoreError) {
                turns = try await recall(members)
                // Asked after the members were read: whoever accepts the command from now on moves one of them, or
                // writes the row that this acceptance would write.
                earlier = try await self.earlier(command, turns)
            } catch {
                throw JointError(error)
            }
            switch earlier {
            case .accepted(let receipt):
                await note(members) { turns[$0.stream]?.base.version }
                return receipt
            case .reused: throw .reused
            case .none: break
            }
            var turn = JointTurn(command, turns, nextEventID: nextEventID)
            do throws(Refusal) {
                try decide(&turn)
            } catch {
                throw .refused(error)
            }
            let append = turn.append
            do throws(EventStoreError) {
                guard case .accepted(let stored) = try await store.append(append) else { continue }
                await note(members) { member in
                    append.changes.first { $0.stream == member.stream }.map {
                        $0.expectedVersion + Int64($0.events.count)
                    } ?? turns[member.stream]?.base.version
                }
                return turn.receipt(append, stored)
            } catch {
                // Another server has accepted the command since the log was asked.
                if case .invalid(_, SQLState.uniqueViolation.rawValue) = error { continue }
                throw JointError(error)
            }
        }
        throw .contended
    }

    /// Before anybody is answered, so that no actor decides upon less than was answered; one that has nothing new may be
    /// behind too, if another server has written to its stream.
    private func note(_ members: [any JointMember], _ version: (any JointMember) -> Int64?) async {
        for member in members { if let version = version(member) { await member.note(version: version) } }
    }

    private enum Earlier {
        case none
        case accepted(JointReceipt)
        case reused
    }

    private func recall(
        _ members: [any JointMember]
    ) async throws(EventStoreError) -> [StreamName: any JointMemberTurn] {
        var turns: [StreamName: any JointMemberTurn] = [:]
        for member in members { turns[member.stream] = try await member.recall() }
        return turns
    }

    /// What came of the command when it was delivered before.
    private func earlier(
        _ command: JointCommand, _ turns: [StreamName: any JointMemberTurn]
    ) async throws(EventStoreError) -> Earlier {
        var receipts: [StreamName: CommandReceipt] = [:]
        if let fingerprint = command.fingerprint {
            for row in try await store.acceptances(of: [command.id]) where turns[row.stream] != nil {
                guard row.fingerprint == fingerprint else { return .reused }
                receipts[row.stream] = CommandReceipt(
                    effect: .duplicate, stream: row.stream, version: row.version, position: row.position)
            }
        }
        // The rows may have been purged by now.
        if receipts.isEmpty {
            for turn in turns.values { receipts[turn.stream] = turn.earlierReceipt(of: command.id) }
        }
        return receipts.isEmpty ? .none : .accepted(JointReceipt(effect: .duplicate, receipts: receipts))
    }
}
