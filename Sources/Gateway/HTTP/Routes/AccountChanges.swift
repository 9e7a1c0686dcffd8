import Aggregates
import Runtime

/// Changes to an account that are made from what it is.
struct AccountChanges: Sendable {
    let store: any EventStore
    let accounts: Directory<Account>

    private static let attempts = 8

    /// What a request wants, made from the account as it is.
    struct Wish {
        var command: Account.Command
        var sideRows: [SideRow] = []
    }

    /// The account as it is now, whichever server has changed it.
    ///
    /// - Throws: 404 for one that the caller may not know of.
    func latest(_ id: String, scope: AccountScope) async throws(Problem) -> AggregateMemory<Account> {
        // An id that cannot exist must not wake an actor.
        guard StreamName("account-\(id)") != nil, scope.includes(AccountID(id)) else { throw .noAccount }
        let memory: AggregateMemory<Account>
        do throws(DispatchError<Account.Rejection>) {
            memory = try await accounts.recallLatest(id)
        } catch {
            throw Problem(error)
        }
        guard memory.state.status != .unopened else { throw .noAccount }
        return memory
    }

    /// Sends what `wish` makes of the account; once more if somebody else was quicker, unless the caller names a version.
    ///
    /// - Returns: the receipt, and the account before the command; of a repetition, before it was sent first.
    func change(
        _ id: String, _ exchange: Exchange, _ caller: Caller,
        _ wish: (Account.State) throws(Problem) -> Wish
    ) async throws(Problem) -> (receipt: CommandReceipt, from: Account.State) {
        let key = try IdempotencyKey(exchange, caller)
        let commandID = key?.commandID ?? .v7()
        let expected = try EntityTag.expected(by: exchange)
        for _ in 0..<Self.attempts {
            let memory = try await latest(id, scope: caller.scope)
            let wanted = try wish(memory.state)
            do throws(DispatchError<Account.Rejection>) {
                let receipt = try await accounts.send(
                    CommandEnvelope(
                        id: commandID, wanted.command, context: exchange.context(for: caller),
                        expectedVersion: expected ?? memory.version, sideRows: wanted.sideRows,
                        fingerprint: key?.fingerprint), to: id)
                if receipt.effect != .duplicate { return (receipt, memory.state) }
                return (receipt, try await state(before: commandID, receipt, id))
            } catch .stale(let version) {
                if expected != nil { throw .stale(version: version) }
            } catch {
                throw Problem(error)
            }
        }
        throw Problem(DispatchError<Account.Rejection>.contended)
    }

    private func state(
        before command: UUID128, _ receipt: CommandReceipt, _ id: String
    ) async throws(DispatchError<Account.Rejection>) -> Account.State {
        let events: [RecordedEvent]
        do throws(EventStoreError) {
            // A command of an account leaves two events at most.
            events = try await store.readStream(receipt.stream, from: max(1, receipt.version - 1), limit: 2)
        } catch {
            throw .unavailable(reason: error.debugDescription)
        }
        let own = events.filter { $0.version <= receipt.version && $0.metadata.commandID == command }.count
        let version = PointInTime.version(receipt.version - Int64(own))
        if case .stood(let memory) = try await accounts.recall(id, at: version) { return memory.state }
        return Account.initial
    }
}
