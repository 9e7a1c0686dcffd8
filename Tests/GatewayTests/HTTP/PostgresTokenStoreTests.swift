import Gateway
import Runtime
import Support
import Testing

@Suite(.timeLimit(.minutes(2))) struct `Tokens in Postgres` {
    @Test func `are found by their hash, with all that they say`() async throws {
        try await PostgresLog.with { log in
            let store = PostgresTokenStore(pool: log.pool)
            let hash: [UInt8] = [1, 2, 3]
            let token = APIToken(
                id: "t1", name: "ada", role: .reader, account: AccountID("north"),
                expiresTime: Timestamp(microseconds: 1_700_000_000_000_000))
            try await store.add(token, hash: hash)
            let found = try await store.token(hash: hash)
            #expect(found == token)
            let none = try await store.token(hash: [1, 2])
            #expect(none == nil)
        }
    }

    @Test func `begin with one admin token, even if two servers start at once`() async throws {
        try await PostgresLog.with { log in
            let store = PostgresTokenStore(pool: log.pool)
            let made = try await withThrowingTaskGroup(of: String?.self) { group in
                for _ in 0..<4 { group.addTask { try await store.createAdminToken() } }
                return try await group.reduce(into: [String]()) { made, token in made += token.map { [$0] } ?? [] }
            }
            #expect(made.count == 1)
        }
    }
}
