import Foundation
import Runtime
import Support
import Testing

extension EndToEnd {
    @Suite(.timeLimit(.minutes(2))) struct `A client that asks for nonsense` {
        @Test func `is answered with a problem document, and the server stays up`() async throws {
            try await TestedSystem.with { system in
                let server = try await system.start()
                let api = system.api(server)
                let device = try await api.register("device")
                let requests: [(String, String, String?, [String: String], ClosedRange<Int>)] = [
                    ("POST", "/api/v1/devices", #"{"serial":1,"type":[]}"#, [:], 400...422),
                    ("POST", "/api/v1/devices", #"{"serial":"s","type":"smoke","colour":"red"}"#, [:], 400...422),
                    ("POST", "/api/v1/devices", #"{"serial":"#, [:], 400...400),
                    ("POST", "/api/v1/devices", "[]", [:], 400...422),
                    ("PATCH", "/api/v1/devices/\(device.id)", #"{"name":null,"labels":{"a":1}}"#, [:], 400...422),
                    ("PATCH", "/api/v1/devices/\(device.id)", #"{"name":"x"}"#, ["If-Match": "\"999\""], 412...412),
                    ("GET", "/api/v1/devices?after=nonsense", nil, [:], 400...400),
                    ("GET", "/api/v1/events?after=-5", nil, [:], 400...400),
                    ("GET", "/api/v1/events?limit=99999999999999999999", nil, [:], 400...400),
                    ("GET", "/api/v1/nothing", nil, [:], 404...404),
                    ("DELETE", "/api/v1/devices", nil, [:], 405...405),
                ]
                for (method, path, body, headers, expected) in requests {
                    let answer = try await api.send(method, path, body, headers: headers)
                    guard expected.contains(answer.status), answer.type.hasPrefix("application/problem+json") else {
                        throw Wrong("\(method) \(path) was answered \(answer.status) \(answer.type): \(answer.text)")
                    }
                }
                let stranger = try await API(port: server.port, token: "flt_wrong").send("GET", "/api/v1/devices")
                guard stranger.status == 401 else { throw Wrong("a wrong token was answered \(stranger.status)") }

                let giant = String(repeating: "x", count: 1 << 20)
                try await checkRaw("GET / HTTP/1.1\r\nHost: a\r\nX-Giant: \(giant)\r\n\r\n", system, server)
                try await checkRaw("NONSENSE\r\n\r\n", system, server)
                // No client of good manners asks for it.
                try await checkRaw(
                    "GET /api/v1/devices/%00%ff HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \(system.token)\r\n"
                        + "Connection: close\r\n\r\n", system, server)
                try await checkRaw(
                    "POST /api/v1/devices HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \(system.token)\r\n"
                        + "Content-Length: 1000000000000\r\n\r\n{", system, server)
                guard !server.hasEnded, await api.readiness()?.status == 200 else { throw Wrong("not ready") }
                guard try await api.device(device.id).version == 1 else { throw Wrong("nonsense changed a device") }
            }
        }

        /// The server must answer with an error or hang up, and within a bounded time.
        private func checkRaw(_ request: String, _ system: TestedSystem, _ server: ServerProcess) async throws {
            let answer = try await RawRequest(port: server.port, on: system.thread).send(request)
            guard answer.isEmpty || answer.hasPrefix("HTTP/1.1 4") || answer.hasPrefix("HTTP/1.1 5") else {
                throw Wrong("nonsense was answered \(answer.prefix(200))")
            }
        }

        @Test func `and sends a body that never ends is cut off, while others are served`() async throws {
            try await TestedSystem.with { system in
                let server = try await system.start()
                let api = system.api(server)
                let slow = try RawRequest(port: server.port, on: system.thread)
                try await slow.begin(
                    "POST /api/v1/devices HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \(system.token)\r\n"
                        + "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"serial\":")
                for number in 1...5 { _ = try await api.register("served-\(number)") }
                // Request bodies have a time limit; what comes then is an answer or the end of the connection.
                let answer = try await slow.rest(within: .seconds(60))
                guard answer.isEmpty || answer.hasPrefix("HTTP/1.1 4") else { throw Wrong("answered \(answer)") }
            }
        }
    }
}
