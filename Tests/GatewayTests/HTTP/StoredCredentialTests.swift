import Foundation
import Gateway
import Runtime
import Support
import Testing

@Suite(.timeLimit(.minutes(2))) struct `The key of a device` {
    @Test func `is stored with the registration as a verifier that the broker understands, and goes with the device`()
        async throws
    {
        try await PostgresLog.with { log in
            try await TestGateway.with(store: log.store) { gateway in
                let reply = try await gateway.ask("POST", "/api/v1/devices", #"{"serial":"1","type":"smoke"}"#)
                #expect(reply.status == 201, "\(reply)")
                let id = try #require(reply[text: "id"])
                let key = try #require(reply[text: "apiKey"])
                let stored = try #require(try await verifier(of: id, in: log))
                #expect(try recomputed(stored, from: key) == stored)
                let retired = try await gateway.ask("POST", "/api/v1/devices/\(id)/retire", "{}")
                #expect(retired.status == 200)
                let left = try await verifier(of: id, in: log)
                #expect(left == nil)
            }
        }
    }

    private func verifier(of device: String, in log: PostgresLog) async throws -> String? {
        try await log.pool.withConnection { connection in
            let select = Statement("select verifier", "select verifier from device_credentials where device = $1")
            return try await connection.query(select(.text(device))).first.map { try $0.text(0) }
        }
    }

    /// Another implementation of PBKDF2 must come to the same.
    private func recomputed(_ verifier: String, from key: String) throws -> String {
        let script = """
            import base64, hashlib, sys
            _, kind, rounds, salt, _ = sys.argv[1].split("$")
            made = hashlib.pbkdf2_hmac("sha512", sys.argv[2].encode(), base64.b64decode(salt), int(rounds), 64)
            print(f"${kind}${rounds}${salt}${base64.b64encode(made).decode()}", end="")
            """
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        process.arguments = ["-c", script, verifier, key]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        defer { process.waitUntilExit() }
        return String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    }
}
