package import Runtime

/// The read models in Postgres.
package struct PostgresFleetQueries: FleetQueries {
    private let pool: PostgresPool
    /// The views as they were; the live ones if nil.
    let past: PastGenerations?

    package init(pool: PostgresPool) { self.init(pool: pool, past: nil) }

    init(pool: PostgresPool, past: PastGenerations?) {
        self.pool = pool
        self.past = past
    }

    package func devices(
        scope: AccountScope, where filter: DeviceFilter, in order: DeviceOrder, after place: DevicePlace?, limit: Int
    ) async throws(QueryError) -> [DeviceRow] {
        let search = DeviceSearch(
            filter, scope: scope, in: order, after: place, limit: limit,
            generation: try pastGeneration(of: DevicesProjection.name), position: past?.position)
        return try await read(search.statement, DevicesProjection.decode)
    }

    package func device(_ id: String, scope: AccountScope) async throws(QueryError) -> DeviceRow? {
        let question = Statements.device(.text(id), try generation(of: DevicesProjection.name))
        let rows = try await read(question) { row throws(PostgresError) in
            var device = try DevicesProjection.decode(row)
            device.stuckPosition = try row.int8(ifPresent: DevicesProjection.columnCount)
            return device
        }
        return rows.first { scope.includes($0.account) }
    }

    package func driftedClocks() async throws(QueryError) -> Int64 {
        try await read(Statements.driftedClocks(try generation(of: DevicesProjection.name))) {
            row throws(PostgresError) in try row.int8(0)
        }.first ?? 0
    }

    package func accounts(
        scope: AccountScope, after id: String?, limit: Int
    ) async throws(QueryError) -> [AccountRow] {
        switch scope {
        case .all:
            return try await read(
                Statements.accounts(
                    .text(id ?? ""), .int8(Int64(limit)), try generation(of: AccountsProjection.name)),
                AccountsProjection.decode)
        case .only(let own):
            guard limit > 0, own.rawValue > id ?? "", let row = try await account(own.rawValue, scope: scope) else {
                return []
            }
            return [row]
        }
    }

    package func account(_ id: String, scope: AccountScope) async throws(QueryError) -> AccountRow? {
        guard scope.includes(AccountID(id)) else { return nil }
        return try await read(
            Statements.account(.text(id), try generation(of: AccountsProjection.name)), AccountsProjection.decode
        ).first
    }

    package func projections() async throws(QueryError) -> [ProjectionStatus] {
        try await read(CheckpointStatements.status()) { row throws(PostgresError) in
            let position = try row.int8(1)
            let failure = try row.text(ifPresent: 2)
            let isRebuilding = try row.bool(5)
            let pause = try row.text(ifPresent: 6)
            return ProjectionStatus(
                name: try row.text(0),
                state: failure != nil ? .failed : pause != nil ? .paused : isRebuilding ? .rebuilding : .live,
                position: position,
                tether: .init(events: max(0, try row.int8(3) - position), seconds: max(0, try row.float8(4))),
                failure: failure ?? pause, stuckCount: try row.int8(7), content: try ViewContent(row))
        }
    }

    package func position(of view: String) async throws(QueryError) -> Int64? {
        try await read(CheckpointStatements.livePosition(.text(view))) { row throws(PostgresError) in
            try row.int8(0)
        }.first
    }

    /// Which generation is asked; the live one if null.
    func generation(of view: String) throws(QueryError) -> PostgresValue {
        try pastGeneration(of: view).map { .int4($0) } ?? .null
    }

    private func pastGeneration(of view: String) throws(QueryError) -> Int32? {
        guard let past else { return nil }
        // The present must never be taken for the past.
        guard let number = past.numbers[view] else {
            throw .unavailable(reason: "the view \(view) as of \(past.position) was not asked for")
        }
        return number
    }

    /// - Parameter atOnce: for rows that lie apart, as what one device has measured: the disk is asked for all of them at once.
    func read<Value: Sendable>(
        _ statement: BoundStatement, atOnce: Bool = false,
        _ decode: (Runtime.Row) throws(PostgresError) -> Value
    ) async throws(QueryError) -> [Value] {
        let statements = atOnce ? [Statement.readPagesAtOnceByOnePlan(), statement] : [statement]
        do {
            let results = try await pool.withConnection { connection in
                try await connection.run(statements, timeout: .seconds(10))
            }
            return try results[statements.count - 1].map { try decode($0) }
        } catch PostgresError.timedOut {
            throw .timedOut
        } catch {
            throw .unavailable(reason: String(reflecting: error))
        }
    }

    private enum Statements {
        static let driftedClocks = Statement(
            "count_drifted_clocks",
            """
            select count(*) from devices
            where generation = coalesce($1::int4, (select live_generation from projections where name = 'devices'))
                and clock_drift is not null
            """)
        static let device = Statement(
            "query_device",
            """
            select \(DevicesProjection.columns), (
                select s.position from stuck_entities s
                where s.projection = 'devices' and s.generation = devices.generation and s.entity = devices.id
            ) from devices
            where generation = coalesce($2::int4, (select live_generation from projections where name = 'devices'))
                and id = $1
            """)

        static let accounts = Statement(
            "query_accounts",
            """
            select \(AccountsProjection.columns) from accounts
            where generation = coalesce($3::int4, (select live_generation from projections where name = 'accounts'))
                and id > $1
            order by id limit $2
            """)
        static let account = Statement(
            "query_account",
            """
            select \(AccountsProjection.columns) from accounts
            where generation = coalesce($2::int4, (select live_generation from projections where name = 'accounts'))
                and id = $1
            """)
    }
}

extension ViewContent {
    /// Reads the last columns of a status.
    fileprivate init?(_ row: Runtime.Row) throws(PostgresError) {
        guard let count = try row.int8(ifPresent: 8) else { return nil }
        self.init(
            rowCount: count, digest: try row.text(9), position: try row.int8(10), countedTime: try row.timestamp(11))
    }
}
