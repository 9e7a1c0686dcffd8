import Gateway
import Runtime
import Support
import Testing

@Suite(.timeLimit(.minutes(2))) struct `Tokens in Postgres` {
    @Test func `are found by their hash, with all that they say`() async throws {
        try await PostgresLog.with { log in
            let store = PostgresTokenStore(pool: log.pool, store: log.store)
            let hash: [UInt8] = [1, 2, 3]
            let token = APIToken(
                id: "t1", name: "ada", role: .reader, account: AccountID("north"),
                expiresTime: Timestamp(microseconds: 1_700_000_000_000_000))
            try await store.add(token, hash: hash, by: .user("ada"))
            let found = try await store.token(hash: hash)
            #expect(found == token)
            let none = try await store.token(hash: [1, 2])
            #expect(none == nil)
        }
    }

    @Test func `are made and revoked in the transaction of the event that says so`() async throws {
        try await PostgresLog.with { log in
            let store = PostgresTokenStore(pool: log.pool, store: log.store)
            func acts(_ account: String) async throws -> [RecordedEvent] {
                let stream = try #require(StreamName("administration-\(account)"))
                return try await log.store.readStream(stream, from: 1, limit: 10)
            }
            let own = APIToken(id: "t1", name: "ada", role: .reader, account: AccountID("north"))
            try await store.add(own, hash: [1], by: .user("ada"))
            try await store.add(APIToken(id: "t2", name: "bo", role: .admin), hash: [2], by: .user("ada"))
            let made = try await acts("north")
            #expect(made.map(\.type) == ["TokenCreated"] && made[0].metadata.account == AccountID("north"))
            #expect(made[0].metadata.principal == .user("ada"))
            #expect(
                String(decoding: made[0].data, as: UTF8.self)
                    == #"{"details":{"name":"ada","role":"reader"},"subject":"t1"}"#)
            #expect(try await acts("_installation").map(\.type) == ["TokenCreated"])

            // What the table refuses leaves no event.
            await #expect(throws: TokenStoreError.self) { try await store.add(own, hash: [3], by: .user("ada")) }
            #expect(try await acts("north").count == 1)

            #expect(try await store.remove(id: "t1", by: .user("bo")))
            #expect(try await store.token(hash: [1]) == nil)
            #expect(try await acts("north").map(\.type) == ["TokenCreated", "TokenRevoked"])
            #expect(try await !store.remove(id: "t1", by: .user("bo")))
            #expect(try await acts("north").count == 2)
        }
    }

    @Test func `begin with one admin token, even if two servers start at once`() async throws {
        try await PostgresLog.with { log in
            let store = PostgresTokenStore(pool: log.pool, store: log.store)
            let made = try await withThrowingTaskGroup(of: String?.self) { group in
                for _ in 0..<4 { group.addTask { try await store.createAdminToken() } }
                return try await group.reduce(into: [String]()) { made, token in made += token.map { [$0] } ?? [] }
            }
            #expect(made.count == 1)
        }
    }
}
