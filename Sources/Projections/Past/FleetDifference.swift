import Aggregates
package import Runtime

/// How the fleet of some accounts differs between two positions.
package struct FleetDifference: Sendable, Hashable {
    /// What is compared of a device.
    package struct Face: Sendable, Hashable {
        package var account: AccountID
        package var type: String
        package var state: String
        package var presence: String

        package init(account: AccountID, type: String, state: String, presence: String) {
            self.account = account
            self.type = type
            self.state = state
            self.presence = presence
        }

        package init(_ row: DeviceRow) {
            self.init(
                account: row.account, type: row.type.rawValue, state: row.state.rawValue,
                presence: row.connectivity.presence.rawValue)
        }
    }

    package struct Device: Sendable, Hashable {
        package var id: String
        /// Nil if the accounts did not have it yet.
        package var from: Face?
        /// Nil if they have it no more.
        package var to: Face?

        package init(id: String, from: Face?, to: Face?) {
            self.id = id
            self.from = from
            self.to = to
        }
    }

    package struct Counts: Sendable, Hashable {
        package var came: Int64 = 0
        package var went: Int64 = 0
        package var account: Int64 = 0
        package var type: Int64 = 0
        package var state: Int64 = 0
        package var presence: Int64 = 0

        package init() {}
    }

    package var counts: Counts
    /// A page of those that differ, in the order of their ids.
    package var devices: [Device]

    package init(counts: Counts, devices: [Device]) {
        self.counts = counts
        self.devices = devices
    }
}

extension PostgresPastViews {
    package func difference(
        from: Int64, to: Int64, scope: AccountScope, after id: String?, limit: Int
    ) async throws(PastViewError) -> FleetDifference {
        let (old, new) = (try await generations(from), try await generations(to))
        var account = PostgresValue.null
        if case .only(let own) = scope { account = .text(own.rawValue) }
        let sides: [PostgresValue] = [.int4(old), .int4(new), account]
        do {
            let (count, page) = (
                Statements.count.bind(sides), Statements.page.bind(sides + [.text(id ?? ""), .int8(Int64(limit))])
            )
            let counted = try await pool.withConnection { try await $0.query(count, timeout: .seconds(10)) }
            let found = try await pool.withConnection { try await $0.query(page, timeout: .seconds(10)) }
            return FleetDifference(
                counts: try counted.first.map { try FleetDifference.Counts($0) } ?? FleetDifference.Counts(),
                devices: try found.map { try FleetDifference.Device($0) })
        } catch {
            throw .unavailable(reason: String(reflecting: error))
        }
    }

    private func generations(_ position: Int64) async throws(PastViewError) -> Int32 {
        guard let number = try await past([DevicesProjection.name], asOf: position).numbers[DevicesProjection.name]
        else {
            throw .beingBuilt
        }
        return number
    }

    private enum Statements {
        private static func side(_ generation: String) -> String {
            """
            select id, account, type, state, connectivity ->> 'presence' as presence from devices
            where generation = \(generation) and ($3::text is null or account = $3)
            """
        }

        static let count = Statement(
            "count_fleet_difference",
            """
            select count(*) filter (where a.id is null), count(*) filter (where b.id is null),
                count(*) filter (where a.account <> b.account), count(*) filter (where a.type <> b.type),
                count(*) filter (where a.state <> b.state), count(*) filter (where a.presence <> b.presence)
            from (\(side("$1"))) a full join (\(side("$2"))) b using (id)
            """)

        static let page = Statement(
            "page_fleet_difference",
            """
            select id, a.account, a.type, a.state, a.presence, b.account, b.type, b.state, b.presence
            from (\(side("$1"))) a full join (\(side("$2"))) b using (id)
            where id > $4 and (a.account, a.type, a.state, a.presence) is distinct from
                (b.account, b.type, b.state, b.presence)
            order by id limit $5
            """)
    }
}

extension FleetDifference.Counts {
    fileprivate init(_ row: Row) throws(PostgresError) {
        came = try row.int8(0)
        went = try row.int8(1)
        account = try row.int8(2)
        type = try row.int8(3)
        state = try row.int8(4)
        presence = try row.int8(5)
    }
}

extension FleetDifference.Device {
    fileprivate init(_ row: Row) throws(PostgresError) {
        self.init(id: try row.text(0), from: try .init(row, at: 1), to: try .init(row, at: 5))
    }
}

extension FleetDifference.Face {
    fileprivate init?(_ row: Row, at column: Int) throws(PostgresError) {
        guard let account = try row.text(ifPresent: column) else { return nil }
        self.init(
            account: AccountID(account), type: try row.text(column + 1), state: try row.text(column + 2),
            presence: try row.text(column + 3))
    }
}
