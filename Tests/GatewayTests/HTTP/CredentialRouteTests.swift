import Foundation
import Gateway
import Runtime
import Support
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(2))) struct `The keys of a device over HTTP` {
    private static func with(
        _ body:
            @escaping @Sendable (TestGateway, PostgresDeviceKeys, _ device: String, _ key: String) async throws -> Void
    ) async throws {
        try await PostgresLog.with { log in
            let keys = PostgresDeviceKeys(pool: log.pool)
            try await TestGateway.with(
                store: log.store, serials: PostgresSerialNumbers(pool: log.pool), keys: keys
            ) { gateway in
                let made = try await gateway.ask("POST", "/api/v1/devices", #"{"serial":"1","type":"smoke"}"#)
                let (id, key) = (try #require(made[text: "id"]), try #require(made[text: "apiKey"]))
                try await body(gateway, keys, id, key)
            }
        }
    }

    @Test func `are issued beside each other, shown once, and listed without themselves`() async throws {
        try await Self.with { gateway, keys, id, first in
            let path = "/api/v1/devices/\(id)/credentials"
            let made = try await gateway.ask("POST", path, nil, ["Idempotency-Key": "again"])
            #expect(made.status == 201 && made.json["key"] as? Int == 2, "\(made)")
            let second = try #require(made[text: "apiKey"])
            for key in [first, second] { #expect(try await keys.verify(device: id, key: key)) }
            let repeated = try await gateway.ask("POST", path, nil, ["Idempotency-Key": "again"])
            #expect(repeated.status == 201 && repeated.json["key"] as? Int == 2 && repeated[text: "apiKey"] == nil)
            let list = try await gateway.ask("GET", path)
            #expect((list.json["items"] as? [[String: Any]])?.map { $0["key"] as? Int } == [1, 2], "\(list)")
            #expect(!list.body.contains("flk_") && !list.body.contains("hash"))
            let log = try await gateway.ask("GET", "/api/v1/streams/device-\(id)/events")
            #expect(log.body.contains("CredentialIssued") && log.body.contains("user:"))
            #expect(!log.body.contains(second))
        }
    }

    @Test func `are rotated, and the old one works as long as it is told`() async throws {
        try await Self.with { gateway, keys, id, first in
            let path = "/api/v1/devices/\(id)/credentials"
            let made = try await gateway.ask("POST", path + "/rotate", #"{"overlapSeconds":600}"#)
            let second = try #require(made[text: "apiKey"], "\(made)")
            #expect(made[text: "othersExpireTime"] != nil)
            for key in [first, second] { #expect(try await keys.verify(device: id, key: key)) }
            let third = try #require(
                try await gateway.ask("POST", path + "/rotate", #"{"overlapSeconds":0}"#)[text: "apiKey"])
            for key in [first, second] { #expect(try await !keys.verify(device: id, key: key)) }
            #expect(try await keys.verify(device: id, key: third))
            for overlap in ["-1", "7776001", "1.5", #""x""#] {
                let reply = try await gateway.ask("POST", path + "/rotate", #"{"overlapSeconds":\#(overlap)}"#)
                #expect(reply.status == 400 || reply.status == 422, "\(overlap): \(reply)")
            }
        }
    }

    @Test func `are revoked one by one`() async throws {
        try await Self.with { gateway, keys, id, first in
            let path = "/api/v1/devices/\(id)/credentials"
            let second = try #require(try await gateway.ask("POST", path)[text: "apiKey"])
            #expect(try await gateway.ask("DELETE", path + "/1").status == 204)
            #expect(try await !keys.verify(device: id, key: first))
            #expect(try await keys.verify(device: id, key: second))
            for missing in ["1", "7", "x"] {
                #expect(try await gateway.ask("DELETE", path + "/\(missing)").status == 404, "\(missing)")
            }
            #expect(gateway.credentials.devices.withLock { $0.filter { $0 == id }.count } >= 3)
        }
    }

    @Test func `of another account are not there, and a reader changes none`() async throws {
        try await Self.with { gateway, _, id, _ in
            try await gateway.open("north")
            let (north, reader) = (
                try await gateway.token(for: "north"), try await gateway.token(.reader, for: "default")
            )
            let path = "/api/v1/devices/\(id)/credentials"
            for (method, path) in [("GET", path), ("POST", path), ("POST", path + "/rotate"), ("DELETE", path + "/1")] {
                #expect(try await gateway.ask(method, path, nil, [:], token: north).status == 404, "\(method)")
                let asked = try await gateway.ask(method, path, nil, [:], token: reader).status
                #expect(asked == (method == "GET" ? 200 : 403), "\(method)")
            }
        }
    }
}
