import Gateway
import Runtime
import Support
import Synchronization
import Testing

@Suite(.serialized, .timeLimit(.minutes(5))) struct `A batch of devices` {
    @Test func `is registered device by device, each with a key of its own or a reason against it`() async throws {
        try await PostgresLog.with { log in
            try await TestGateway.with(store: log.store, serials: PostgresSerialNumbers(pool: log.pool)) { gateway in
                _ = try await gateway.register("taken")
                let reply = try await gateway.ask(
                    "POST", "/api/v1/devices/batch",
                    """
                    {"devices":[{"serial":"1","type":"smoke","location":{"text":"Hall"}},{"serial":"taken","type":"smoke"},\
                    {"serial":"2","type":"No Type"},{"serial":"3","type":"water"},{"serial":"1","type":"smoke"},\
                    {"type":"smoke"},{"serial":"4","type":"smoke","colour":"red"}]}
                    """)
                #expect(reply.status == 200, "\(reply)")
                let items = reply.items
                #expect(items.map { $0["id"] is String } == [true, false, false, true, false, false, false])
                let keys = items.compactMap { $0["apiKey"] as? String }
                #expect(keys.count == 2 && Set(keys).count == 2 && keys.allSatisfy { $0.hasPrefix("flk_") })
                let problems = items.compactMap { $0["problem"] as? [String: Any] }
                #expect(problems.map { $0["status"] as? Int } == [409, 400, 409, 400, 400])
                #expect(problems.map { $0["field"] as? String } == [nil, "type", nil, "serial", "colour"])
                #expect(problems[0]["type"] as? String == "urn:fleetlog:problem:serial-taken")
                let ids = items.compactMap { $0["id"] as? String }
                let told = gateway.credentials.devices.withLock { $0 }
                #expect(Set(told).isSuperset(of: ids))
                let access = try await PostgresDeviceAccess(pool: log.pool).access(of: ids)
                #expect(Set(access.map(\.device)) == Set(ids) && access.allSatisfy { $0.keys.count == 1 })
                // Sent again, nothing is registered twice.
                let again = try await gateway.ask(
                    "POST", "/api/v1/devices/batch", #"{"devices":[{"serial":"1","type":"smoke"}]}"#)
                #expect(again.status == 200 && again.items.first?["id"] == nil)
            }
        }
    }

    @Test func `is bounded, and of one account that the caller may know of`() async throws {
        try await TestGateway.with { gateway in
            try await gateway.open("north")
            let token = try await gateway.token(for: "north")
            let one = #"{"serial":"1","type":"smoke"}"#
            let tooMany = Array(repeating: one, count: 1_001).joined(separator: ",")
            for (body, field) in [
                ("{}", "devices"), (#"{"devices":[]}"#, "devices"), (#"{"devices":[7]}"#, "devices"),
                (#"{"devices":[\#(tooMany)]}"#, "devices"), (#"{"devices":[\#(one)],"x":1}"#, "x"),
                (#"{"devices":[\#(one)],"account":"nowhere"}"#, "account"),
            ] {
                let reply = try await gateway.ask("POST", "/api/v1/devices/batch", body)
                #expect(reply.status == 400 && reply[text: "field"] == field, "\(field) \(reply)")
            }
            let foreign = try await gateway.ask(
                "POST", "/api/v1/devices/batch", #"{"devices":[\#(one)],"account":"default"}"#, token: token)
            #expect(foreign.status == 400 && foreign[text: "field"] == "account")
            let own = try await gateway.ask(
                "POST", "/api/v1/devices/batch", #"{"devices":[\#(one)]}"#, token: token)
            let id = try #require(own.items.first?["id"] as? String)
            #expect(try await gateway.ask("GET", "/api/v1/devices/\(id)")[text: "account"] == "north")
            let keyed = try await gateway.ask(
                "POST", "/api/v1/devices/batch", #"{"devices":[\#(one)]}"#, ["Idempotency-Key": "k"])
            #expect(keyed.status == 400 && keyed[text: "field"] == "Idempotency-Key")
        }
    }
}
