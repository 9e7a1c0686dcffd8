import Foundation
import Runtime
import Support
import Testing

extension EndToEnd {
    @Suite(.timeLimit(.minutes(3))) struct `A request whose server is killed before it answers` {
        @Test func `is sent again to others, and was carried out once`() async throws {
            try await TestedSystem.with { system in
                let first = try await system.start("first")
                let device = try await system.api(first).register("kept")
                await first.kill()
                let path = "/api/v1/devices/\(device.id)"
                let renaming = Request("PATCH", path, #"{"name":"kept"}"#, key: "rename")
                let registration = Request(
                    "POST", "/api/v1/devices", #"{"serial":"lost","type":"smoke"}"#, key: "register")
                for request in [renaming, registration] {
                    let doomed = try await system.start(
                        "doomed-\(request.key)", more: ["FLEETLOG_FAILPOINT": "turnAdopted:1"])
                    let answer = try? await request.send(to: system.api(doomed))
                    if let answer { throw Wrong("a dead server answered \(answer.status)") }
                    try await doomed.dies(at: .turnAdopted)
                }
                let servers = [
                    system.api(try await system.start("second")), system.api(try await system.start("third")),
                ]
                // By now there would be something to rename.
                let changed = try await servers[0].rename(device.id, "changed")
                guard changed.status == 200 else { throw Wrong("\(changed.status) \(changed.text)") }
                var registered: Set<String> = []
                for server in servers + servers {
                    let renamed = try await renaming.send(to: server)
                    let old: API.Device = try renamed.value()
                    guard renamed.status == 200, old.name == "kept", old.version == 1 else {
                        throw Wrong("not the first answer: \(renamed.text)")
                    }
                    let lost = try await registration.send(to: server)
                    let new: API.Device = try lost.value()
                    guard lost.status == 201, new.apiKey == nil else { throw Wrong("\(lost.status) \(lost.text)") }
                    registered.insert(new.id)
                    let other = try await Request(
                        "POST", "/api/v1/devices", #"{"serial":"other","type":"smoke"}"#, key: "register"
                    ).send(to: server)
                    guard other.status == 422 else { throw Wrong("\(other.status) \(other.text)") }
                }
                let kept = try await servers[1].device(device.id)
                guard kept.name == "changed" else { throw Wrong("the name is \(kept.name)") }
                let registrations = try await system.number(
                    "registrations", "select count(*) from events where type = 'DeviceRegistered'")
                guard registered.count == 1, registrations == 2 else {
                    throw Wrong("\(registered) of \(registrations) registrations")
                }
            }
        }
    }
}

private struct Request {
    let method: String
    let path: String
    let body: String
    let key: String

    init(_ method: String, _ path: String, _ body: String, key: String) {
        self.method = method
        self.path = path
        self.body = body
        self.key = key
    }

    func send(to server: API) async throws -> API.Answer {
        try await server.send(method, path, body, headers: ["Idempotency-Key": key])
    }
}
