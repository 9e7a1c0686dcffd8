import Aggregates
import Support
import Testing

@testable import Projections
@testable import Runtime

/// Open alerts of two accounts, of any gravity, and more that are over.
private func fill(_ log: PostgresLog, _ count: Int) async throws {
    try await log.asSuperuser(
        """
        insert into alerts
            (generation, id, account, device, kind, severity, title, text, state, raised_time, version)
        select
            1, 'a' || n, case when n % 2 = 0 then 'north' else 'default' end, 'd' || n % 7, 'heat',
            (array['info', 'warning', 'warning', 'critical'])[1 + n * 7 % 11 % 4], '', '',
            case when n % 4 = 0 or n % 4 = 1 and n % 8 = 1 then 'open' else 'cleared' end,
            timestamptz '2026-01-01' + n / 3 * interval '1 minute', 1
        from generate_series(1, \(count)) n
        """)
    try await log.asSuperuser("analyze alerts")
}

@Suite(.timeLimit(.minutes(2))) struct `Open alerts by severity` {
    private let open = AlertFilter(state: .open)

    @Test(arguments: [nil, AccountID("north")], [nil, "d3"])
    func `come gravest first and newest of those, each once, page by page`(
        account: AccountID?, device: String?
    ) async throws {
        try await PostgresLog.with { log in
            try await fill(log, 400)
            let queries = PostgresFleetQueries(pool: log.pool)
            let (scope, filter) = (
                account.map { AccountScope.only($0) } ?? .all,
                AlertFilter(state: .open, device: device)
            )
            let all = try await queries.alerts(filter, scope: scope, after: nil, limit: 1_000)
            #expect(all.count > 10 && Set(all.map(\.severity)).count == 3)
            let wanted = all.sorted {
                ($0.severity, $0.raisedTime, $0.id) > ($1.severity, $1.raisedTime, $1.id)
            }
            var (found, place) = ([AlertRow](), AlertPlace?.none)
            while true {
                let page = try await queries.alerts(filter, by: .gravestFirst, scope: scope, after: place, limit: 7)
                guard let last = page.last else { break }
                found += page
                place = last.place
            }
            #expect(found.map(\.id) == wanted.map(\.id))
        }
    }

    @Test(arguments: [AccountScope.all, .only(AccountID("north"))])
    func `are read by an index that holds only them, from any place on`(scope: AccountScope) async throws {
        try await PostgresLog.with { log in
            try await fill(log, 20_000)
            let queries = PostgresFleetQueries(pool: log.pool)
            let first = try await queries.alerts(open, by: .gravestFirst, scope: scope, after: nil, limit: 50)
            for place in [nil, first.last?.place] {
                let bound = AlertStatements.alerts(
                    open, by: .gravestFirst, scope: scope, after: place, limit: 100, generation: .int4(1))
                let explained = Statement.unprepared("explain", "explain (costs off) " + bound.statement.sql)
                let plan = try await log.pool.withConnection {
                    try await $0.query(BoundStatement(statement: explained, parameters: bound.parameters))
                }.map { try $0.text(0) }.joined(separator: "\n")
                #expect(plan.contains("gravity_idx") && !plan.contains("Sort") && !plan.contains("Seq Scan"), "\(plan)")
            }
        }
    }
}
