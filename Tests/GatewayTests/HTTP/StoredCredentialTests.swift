import Crypto
import Foundation
import Gateway
import Runtime
import Support
import Testing

@Suite(.timeLimit(.minutes(2))) struct `The key of a device` {
    @Test func `is stored with the registration as a hash, and goes with the device`()
        async throws
    {
        try await PostgresLog.with { log in
            try await TestGateway.with(store: log.store) { gateway in
                let reply = try await gateway.ask("POST", "/api/v1/devices", #"{"serial":"1","type":"smoke"}"#)
                #expect(reply.status == 201, "\(reply)")
                let id = try #require(reply[text: "id"])
                let key = try #require(reply[text: "apiKey"])
                #expect(try await hash(of: id, in: log) == Array(SHA256.hash(data: Data(key.utf8))))
                let retired = try await gateway.ask("POST", "/api/v1/devices/\(id)/retire", "{}")
                #expect(retired.status == 200)
                let left = try await hash(of: id, in: log)
                #expect(left == nil)
            }
        }
    }

    private func hash(of device: String, in log: PostgresLog) async throws -> [UInt8]? {
        try await log.pool.withConnection { connection in
            let select = Statement("select key hash", "select key_hash from device_credentials where device = $1")
            return try await connection.query(select(.text(device))).first.map { try $0.bytes(0) }
        }
    }
}
