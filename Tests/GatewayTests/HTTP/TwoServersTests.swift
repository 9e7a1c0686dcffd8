import Gateway
import Runtime
import Support
import Testing

/// Two servers over one database.
func withTwoServers(
    _ body: @escaping @Sendable (TestGateway, TestGateway) async throws -> Void
) async throws {
    try await PostgresLog.with { log in
        let serials = PostgresSerialNumbers(pool: log.pool)
        try await TestGateway.with(store: log.store, serials: serials) { one in
            try await PostgresLog.with(log.database) { elsewhere in
                let serials = PostgresSerialNumbers(pool: elsewhere.pool)
                try await TestGateway.with(
                    store: elsewhere.store, tokens: one.tokens, serials: serials, admin: one.admin
                ) { other in try await body(one, other) }
            }
        }
    }
}

@Suite(.serialized, .timeLimit(.minutes(5))) struct `Two servers over one database` {
    /// An actor answers from what it knows until something is stored; two servers must not contradict each other for that.
    @Test func `answer alike about devices and accounts that either has changed`() async throws {
        try await withTwoServers { one, other in
            let id = try await one.register()
            let path = "/api/v1/devices/\(id)"
            let device = #"{"serial":"B","type":"smoke","account":"north"}"#
            // Both actors are awake.
            for server in [one, other] { #expect(try await server.ask("GET", "\(path)/config").status == 200) }
            #expect(try await one.ask("PUT", "\(path)/config", #"{"a":1}"#).status == 200)
            for server in [one, other] {
                let read = try await server.ask("GET", "\(path)/config")
                #expect(read.headers["etag"] == "\"1\"", "\(read)")
            }
            #expect(try await one.ask("PATCH", path, #"{"limits":{"messageBurst":7}}"#).status == 200)
            for server in [one, other] {
                let limits = try await server.ask("GET", "\(path)/limits")
                #expect((limits.json["device"] as? [String: Int])?["messageBurst"] == 7, "\(limits)")
            }
            _ = try await other.ask("POST", "/api/v1/devices", device)
            try await one.open("north")
            #expect(try await other.ask("POST", "/api/v1/devices", device).status == 201)
            #expect(try await other.ask("POST", "/api/v1/accounts/south/deactivate").status == 404)
            try await one.open("south")
            #expect(try await other.ask("POST", "/api/v1/accounts/south/deactivate").status == 200)
            let north = try await one.token(for: "north")
            #expect(try await other.ask("PATCH", path, #"{"name":"N"}"#, token: north).status == 404)
            #expect(try await one.ask("PATCH", path, #"{"account":"north"}"#).status == 200)
            #expect(try await other.ask("PATCH", path, #"{"name":"N"}"#, token: north).status == 200)
        }
    }
}
