import Aggregates
import Projections
import Runtime

extension FoldedQueries: StateQueries {
    func runs(_ wanted: RunsWanted, scope: AccountScope) async throws(QueryError) -> [StateRun] {
        var rows = ViewRows<StateHour>()
        for event in try await events("device")[wanted.device] ?? [] {
            try? StatesProjection.evolve(&rows, with: event)
        }
        return rows.changed.filter { scope.includes(AccountID($0.account)) && $0.start < wanted.to }
            .flatMap { hour in
                hour.runs[wanted.subject].map { run in
                    var run = run
                    run.isThinned = hour.isThinned && wanted.subject != .connectivity
                    return run
                }
            }
    }
}
