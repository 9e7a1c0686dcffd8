import Aggregates
import Gateway
import Runtime
import Support
import Testing

@Suite(.timeLimit(.minutes(2))) struct `The configuration of a device over HTTP` {
    @Test func `is desired at a version, compared with what is reported, and read as it was`() async throws {
        try await PostgresLog.with { log in
            try await TestGateway.with(store: log.store) { gateway in
                let id = try await gateway.register()
                let path = "/api/v1/devices/\(id)/config"
                let none = try await gateway.ask("GET", path)
                #expect(none.status == 200 && none.body == #"{"differences":[],"isInSync":true}"#)
                #expect(none.headers["etag"] == "\"0\"")
                let key = ["Idempotency-Key": "k", "If-Match": "\"0\""]
                let first = try await gateway.ask("PUT", path, #"{"interval":60}"#, key)
                #expect(first.status == 200 && first.headers["etag"] == "\"1\"", "\(first)")
                let again = try await gateway.ask("PUT", path, #"{"interval":60}"#, key)
                #expect(again.body == first.body && again.headers["idempotency-replayed"] == "true")
                let stale = try await gateway.ask("PUT", path, #"{"interval":1}"#, ["If-Match": "\"0\""])
                #expect(stale.status == 412 && stale.headers["etag"] == "\"1\"")
                try await gateway.devices.send(
                    CommandEnvelope(
                        id: .v7(),
                        .reportConfiguration(
                            ConfigurationReported(version: 1, config: ["interval": .number(30)], error: "no")),
                        context: CommandContext(time: .now(), principal: .device(id), scope: .all)), to: id)
                let now = try await gateway.ask("GET", path)
                #expect(now.body.contains(#""differences":[{"desired":60,"path":"/interval","reported":30}]"#))
                #expect(now.body.contains(#""error":"no""#) && now.json["isInSync"] as? Bool == false)
                let then = try await gateway.ask("GET", path + "?version=2")
                #expect(then.json["reported"] == nil && then.json["desired"] != nil)
                let next = try await gateway.ask("PUT", path, #"{"interval":20}"#, ["If-Match": "\"1\""])
                #expect(next.status == 200 && next.headers["etag"] == "\"2\"")
                let waiting = try await PostgresConfigurationOutbox(pool: log.pool).waiting(9, except: [])
                #expect(waiting == [WaitingDevice(id, revision: 2)])
            }
        }
    }

    @Test func `is refused if it is no object, too large, or another account's`() async throws {
        try await PostgresLog.with { log in
            try await TestGateway.with(store: log.store) { gateway in
                let path = "/api/v1/devices/\(try await gateway.register())/config"
                for body in ["[]", "", "7", "{\"a\":\"\(String(repeating: "x", count: 9_000))\"}"] {
                    #expect(try await gateway.ask("PUT", path, body).status == 400)
                }
                let stranger = try await gateway.token(for: "other")
                #expect(try await gateway.ask("PUT", path, "{}", token: stranger).status == 404)
                #expect(try await gateway.ask("GET", path, token: stranger).status == 404)
                let reader = try await gateway.token(.reader, for: "default")
                #expect(try await gateway.ask("PUT", path, "{}", token: reader).status == 403)
                #expect(try await gateway.ask("PUT", "/api/v1/devices/none/config", "{}").status == 404)
            }
        }
    }
}
