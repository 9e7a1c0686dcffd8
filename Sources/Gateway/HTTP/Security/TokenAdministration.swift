import Runtime

extension PostgresTokenStore {
    /// Whether this is the text of a token that still holds.
    package func isKnown(_ text: String) async throws(TokenStoreError) -> Bool {
        guard let token = try await token(hash: TokenSecret(text: text).hash) else { return false }
        return token.expiresTime.map { $0 > .now() } ?? true
    }

    /// All tokens, the oldest first.
    package func all() async throws(TokenStoreError) -> [APIToken] {
        try await asking { connection in
            try await connection.query(Self.selectAll()).map { row in
                APIToken(
                    id: try row.text(0), name: try row.text(1),
                    role: APIToken.Role(rawValue: try row.text(2)) ?? .reader,
                    account: try row.text(ifPresent: 3).map { AccountID($0) },
                    expiresTime: try row.timestamp(ifPresent: 4))
            }
        }
    }

    private static let selectAll = Statement(
        "select api tokens", "select id, name, role, account, expires_time from api_tokens order by created_time, id")
}
