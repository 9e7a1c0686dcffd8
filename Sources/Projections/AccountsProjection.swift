import Aggregates
package import Runtime

/// The view `accounts`.
package enum AccountsProjection: Projection {
    package static let name = "accounts"
    package static let category = Account.category

    package static func evolve(_ row: inout AccountRow?, with event: RecordedEvent) throws(EventCodecError) {
        let fact = try Account.codec.decode(event)
        if case .opened(let opened) = fact {
            row = AccountRow(
                id: opened.id, name: opened.name, state: .active, openedTime: event.recordedTime,
                version: event.version)
            return
        }
        guard var changed = row, event.version > changed.version else { return }
        changed.version = event.version
        switch fact {
        case .opened, .settingsChanged, .mailboxSet, .mailboxSecretRotated, .mailboxRemoved, .deviceTypeDefined,
            .claimCodeCreated, .claimCodeUsed, .claimCodeRevoked:
            break
        case .renamed(let renamed): changed.name = renamed.name
        case .activated: changed.state = .active
        case .deactivated: changed.state = .inactive
        case .closed: changed.state = .closed
        }
        row = changed
    }

    package static func id(of row: AccountRow) -> String { row.id.rawValue }
}

extension AccountsProjection {
    static let columns = "id, name, state, opened_time, version"

    private static let load = Statement(
        "load_accounts", "select \(columns) from accounts where generation = $1 and id = any($2)")

    private static let page = Statement(
        "page_accounts",
        """
        select \(columns) from accounts where generation = $1 and id > $2 order by id limit $3
        """)

    private static let store = Statement(
        "store_accounts",
        """
        insert into accounts (generation, id, name, state, opened_time, version)
        select $1, * from unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::bigint[])
        on conflict (generation, id) do update set
            name = excluded.name, state = excluded.state, opened_time = excluded.opened_time,
            version = excluded.version
        """)

    private static let digests = Statement(
        "digests_accounts",
        """
        select generation, count(*), sum(hashtextextended((to_jsonb(a) - 'generation')::text, 0))::text
        from accounts a where generation = any($1) group by generation
        """)

    package static func load(_ ids: [String], generation: Int32) -> BoundStatement {
        load(.int4(generation), .textArray(ids))
    }

    package static func page(after id: String, limit: Int64, generation: Int32) -> BoundStatement {
        page(.int4(generation), .text(id), .int8(limit))
    }

    package static func digests(of generations: [Int32]) -> BoundStatement { digests(.int4Array(generations)) }

    package static func decode(_ row: Runtime.Row) throws(PostgresError) -> AccountRow {
        guard let state = Account.Status(rawValue: try row.text(2)) else {
            throw .decoding(.init(column: 2, wanted: "an account state", found: "another text"))
        }
        return AccountRow(
            id: AccountID(try row.text(0)), name: try row.text(1), state: state, openedTime: try row.timestamp(3),
            version: try row.int8(4))
    }

    package static func store(_ rows: [AccountRow], generation: Int32) -> BoundStatement {
        store(
            .int4(generation), .textArray(rows.map(\.id.rawValue)), .textArray(rows.map(\.name)),
            .textArray(rows.map(\.state.rawValue)), .timestampArray(rows.map(\.openedTime)),
            .int8Array(rows.map(\.version)))
    }
}
