import Aggregates
import Runtime

/// Finds out how an account stands, and holds it to that while something is stored that depends on it.
struct AccountStandings: Sendable {
    let store: any EventStore
    let accounts: Directory<Account>

    private static let attempts = 8

    /// Runs `work` with the account's standing and the fence that keeps it true; again if it has moved meanwhile.
    ///
    /// - Throws: 400 for an account that the caller may not know of.
    func withStanding<Value>(
        of account: AccountID, scope: AccountScope,
        _ work: (AccountStanding, StreamVersion) async throws(DispatchError<Device.Rejection>) -> Value
    ) async throws(Problem) -> Value {
        let stream = StreamName(category: Account.category, id: account.rawValue)
        guard StreamName(stream.description) != nil, scope.includes(account) else { throw Self.unknown(account) }
        var memory: AggregateMemory<Account>
        do throws(DispatchError<Account.Rejection>) {
            memory = try await accounts.recall(account.rawValue)
        } catch {
            throw Problem(error)
        }
        for _ in 0..<Self.attempts {
            // The account's actor here may know nothing yet of what another server has stored.
            if memory.state.status == .unopened {
                guard try await catchUp(&memory, stream) else { throw Self.unknown(account) }
            }
            do throws(DispatchError<Device.Rejection>) {
                return try await work(
                    AccountStanding(id: account, isActive: memory.state.status == .active),
                    StreamVersion(stream, at: memory.version))
            } catch {
                switch error {
                case .fenced, .rejected(.accountNotActive):
                    guard try await catchUp(&memory, stream) else { throw Problem(error) }
                default: throw Problem(error)
                }
            }
        }
        throw Problem(DispatchError<Device.Rejection>.contended)
    }

    /// Folds in what the log holds beyond; returns whether there was something.
    private func catchUp(_ memory: inout AggregateMemory<Account>, _ stream: StreamName) async throws(Problem) -> Bool {
        do {
            let events = try await store.readStream(
                stream, from: memory.version + 1, after: memory.position, limit: 1_000)
            for event in events { try memory.fold(event) }
            return !events.isEmpty
        } catch let error as EventStoreError {
            throw Problem(error)
        } catch {
            throw .internalFailure(cause: String(describing: error))
        }
    }

    static func unknown(_ account: AccountID) -> Problem {
        .malformed("account", "There is no account \(account); open it first, or leave the field out.")
    }
}
