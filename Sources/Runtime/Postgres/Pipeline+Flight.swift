/// A conversation that was sent: the replies it awaits, and those it has.
struct Flight {
    enum Step {
        case prepare(Int)
        case execute(Int)
        case sync
    }
    enum Progress {
        case goesOn
        case finished(Result<[Rows], PostgresError>)
        case confused(String)
    }

    let id: Pipeline.ID
    let uncancellable: Bool
    let isScript: Bool
    /// What the next conversation finds, if all goes well.
    let leavesTransactionOpen: Bool
    var abort: Pipeline.Abort?
    var isCopying = false

    private let statements: [Statement]
    private let plan: Pipeline.Plan
    private let mayCommit: Bool
    private var steps: [Step]
    private var next = 0
    private var rows: [Rows] = []
    private var failure: PostgresError.ServerError?
    private var wasWarned = false

    init(_ conversation: Pipeline.Conversation, _ plan: Pipeline.Plan, inTransaction: Bool) {
        id = conversation.id
        uncancellable = conversation.uncancellable
        self.plan = plan
        switch conversation.content {
        case .script:
            isScript = true
            statements = []
            steps = []
            leavesTransactionOpen = inTransaction
            mayCommit = true
        case .copy(let statement):
            isScript = true
            statements = [statement]
            steps = []
            leavesTransactionOpen = inTransaction
            mayCommit = statement.effect == .writes && !inTransaction
        case .batch(let batch):
            isScript = false
            statements = batch.map(\.statement)
            steps = plan.prepares.indices.map { .prepare($0) }
            if !steps.isEmpty { steps.append(.sync) }
            steps.append(contentsOf: batch.indices.map { .execute($0) })
            steps.append(.sync)
            var (open, mayCommit) = (inTransaction, false)
            for statement in statements {
                switch statement.effect {
                case .reads: break
                case .writes: mayCommit = mayCommit || !open
                case .begins: open = true
                case .commits: (open, mayCommit) = (false, true)
                case .rollsBack: open = false
                }
            }
            leavesTransactionOpen = open
            self.mayCommit = mayCommit
            rows.reserveCapacity(batch.count)
        }
    }

    var errorWhenLost: PostgresError {
        failure.map { .server($0) } ?? .connectionLost(outcomeUnknown: mayCommit)
    }

    mutating func receive(_ reply: Pipeline.Reply, _ prepared: inout PreparedStatements) -> Progress {
        switch reply {
        case .broken(let reason): return .confused(reason)
        case .completed(let result): complete(result)
        case .failed(let error): fail(error, &prepared)
        case .copying:
            guard isScript else { return .confused("a copy among other statements") }
            isCopying = true
        case .awaitingCopy:
            guard isScript else { return .confused("a copy among other statements") }
        case .skipped: forgetPreparation(&prepared)
        case .warning: wasWarned = true
        case .end:
            if isScript { return .finished(result) }
            guard next < steps.count, !steps[next].isSync else { return .goesOn }
            next += 1
        case .sync:
            guard next < steps.count, steps[next].isSync else { return .confused("a sync out of place") }
            next += 1
            if next == steps.count { return .finished(result) }
        }
        return .goesOn
    }

    private mutating func complete(_ result: Rows) {
        if isScript { return rows.append(result) }
        guard next < steps.count, case .execute(let index) = steps[next] else { return }
        rows.append(result)
        // Postgres answers the commit of a failed transaction with ROLLBACK, not with an error.
        if statements[index].effect == .commits, result.storage.tag == "ROLLBACK", failure == nil {
            failure = PostgresError.ServerError(
                sqlState: .failedTransaction, message: "the transaction had failed before and was rolled back",
                statement: statements[index].name, index: index)
        }
    }

    private mutating func fail(_ error: PostgresError.ServerError, _ prepared: inout PreparedStatements) {
        forgetPreparation(&prepared)
        guard failure == nil else { return }
        var error = error
        if isScript { error.statement = statements.first?.name ?? "" }
        if !isScript, next < steps.count {
            switch steps[next] {
            case .execute(let index):
                error.index = index
                // The table changed under the plan, or the preparation is gone: the next use prepares anew.
                if error.sqlState.provesStalePlan, let name = plan.names[index] { prepared.forget(name) }
            case .prepare(let order): error.index = plan.prepares[order].index
            case .sync: error.index = statements.count - 1
            }
            if statements.indices.contains(error.index) { error.statement = statements[error.index].name }
            error.followsCommit = statements[..<error.index].contains { $0.effect == .commits }
        }
        failure = error
    }

    private func forgetPreparation(_ prepared: inout PreparedStatements) {
        guard !isScript, next < steps.count, case .prepare(let order) = steps[next] else { return }
        prepared.forget(plan.prepares[order].name)
    }

    private var result: Result<[Rows], PostgresError> {
        guard let failure else {
            // Whoever cancels a commit that waits for a synchronous standby gets a success, with nothing but a warning.
            return wasWarned && mayCommit && !isScript ? .failure(.commitUnconfirmed) : .success(rows)
        }
        if failure.sqlState == .queryCanceled, let abort { return .failure(abort.error) }
        return .failure(.server(failure))
    }
}

extension Flight.Step {
    fileprivate var isSync: Bool { if case .sync = self { true } else { false } }
}
