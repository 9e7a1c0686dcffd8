package import Runtime

/// Tokens in the table `api_tokens`.
package struct PostgresTokenStore: TokenStore {
    private let pool: PostgresPool

    package init(pool: PostgresPool) { self.pool = pool }

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

    package func add(_ token: APIToken, hash: [UInt8]) async throws(TokenStoreError) {
        try await asking { connection in
            _ = try await connection.query(Self.insert.bind(Self.values(of: token, hash)))
        }
    }

    package func addFirst(_ token: APIToken, hash: [UInt8]) async throws(TokenStoreError) -> Bool {
        try await asking { connection in
            try await connection.query(Self.insertFirst.bind(Self.values(of: token, hash))).affected == 1
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
        values ($1, $2, $3, $4, $5, $6)
        """)

    /// Two servers may start at once: the second waits at the primary key and then does nothing.
    private static let insertFirst = Statement(
        "insert first api token",
        """
        insert into api_tokens (id, name, secret_hash, account, role, expires_time)
        select $1, $2, $3, $4, $5, $6 where not exists (select from api_tokens)
        on conflict (id) do nothing
        """)
}
