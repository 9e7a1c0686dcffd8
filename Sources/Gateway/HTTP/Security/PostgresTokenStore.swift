package import Runtime

/// Tokens in the table `api_tokens`. Each is made and revoked in the transaction of the event that says so.
package struct PostgresTokenStore: TokenStore {
    private let pool: PostgresPool
    private let administration: Administration

    package init(pool: PostgresPool, store: any EventStore) {
        self.pool = pool
        administration = Administration(store: store)
    }

    package func token(hash: [UInt8]) async throws(TokenStoreError) -> APIToken? {
        try await asking { connection in
            try await connection.query(Self.select(.bytes(hash))).first.map { row in
                APIToken(
                    id: try row.text(0), name: try row.text(1),
                    // A role that this program does not know allows the least.
                    role: APIToken.Role(rawValue: try row.text(2)) ?? .reader,
                    account: try row.text(ifPresent: 3).map { AccountID($0) },
                    expiresTime: try row.timestamp(ifPresent: 4))
            }
        }
    }

    package func add(_ token: APIToken, hash: [UInt8], by principal: Principal) async throws(TokenStoreError) {
        do throws(EventStoreError) {
            try await record(creating: token, hash, by: principal)
        } catch {
            throw .unavailable(reason: error.debugDescription)
        }
    }

    package func addFirst(_ token: APIToken, hash: [UInt8]) async throws(TokenStoreError) -> Bool {
        if try await !all().isEmpty { return false }
        do throws(EventStoreError) {
            try await record(creating: token, hash, by: .system)
            return true
        } catch {
            // Two servers may start at once: the id lets one of them in.
            if case .invalid(_, let state) = error, state == SQLState.uniqueViolation.rawValue { return false }
            throw .unavailable(reason: error.debugDescription)
        }
    }

    private func record(
        creating token: APIToken, _ hash: [UInt8], by principal: Principal
    ) async throws(EventStoreError) {
        var details = ["name": token.name, "role": token.role.rawValue]
        if let expires = token.expiresTime { details["expires"] = expires.description }
        try await administration.record(
            AdministrativeAct(.tokenCreated, .init(token.id, details)), .init(about: token, by: principal),
            sideRows: [SideRow(Self.insert, Self.values(of: token, hash))])
    }

    /// Removes the token; false if there is none with this id.
    package func remove(id: String, by principal: Principal) async throws(TokenStoreError) -> Bool {
        guard let token = try await all().first(where: { $0.id == id }) else { return false }
        do throws(EventStoreError) {
            try await administration.record(
                AdministrativeAct(.tokenRevoked, .init(id, ["name": token.name])), .init(about: token, by: principal),
                sideRows: [SideRow(Self.delete, [.text(id)])])
            return true
        } catch {
            throw .unavailable(reason: error.debugDescription)
        }
    }

    func asking<Value>(
        _ work: (PostgresConnection) async throws -> Value
    ) async throws(TokenStoreError) -> Value {
        do {
            return try await pool.withConnection(work)
        } catch let error as PostgresError {
            throw .unavailable(reason: error.debugDescription)
        } catch {
            throw .unavailable(reason: String(describing: error))
        }
    }

    private static func values(of token: APIToken, _ hash: [UInt8]) -> [PostgresValue] {
        [
            .text(token.id), .text(token.name), .bytes(hash), token.account.map { .text($0.rawValue) } ?? .null,
            .text(token.role.rawValue), token.expiresTime.map { .timestamp($0) } ?? .null,
        ]
    }

    private static let select = Statement(
        "select api token", "select id, name, role, account, expires_time from api_tokens where secret_hash = $1")

    private static let insert = Statement(
        "insert api token",
        """
        insert into api_tokens (id, name, secret_hash, account, role, expires_time)
        select $2, $3, $4, $5, $6, $7 where fleetlog_accepted($1)
        """)

    private static let delete = Statement(
        "delete api token", "delete from api_tokens where id = $2 and fleetlog_accepted($1)")
}

extension Administration.Context {
    /// What is done about a token of one account is that account's business.
    fileprivate init(about token: APIToken, by principal: Principal) {
        // Programs before took any text for an account; such a token can be revoked all the same.
        let account = token.account.flatMap { ResourceID.isPlausible($0.rawValue) ? $0 : nil }
        self.init(by: principal, for: account ?? .installation)
    }
}
