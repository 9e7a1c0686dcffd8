import Aggregates
import Gateway
import Projections
import Runtime
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(5))) struct `A device over HTTP` {
    @Test func `is registered, and its key is shown this once`() async throws {
        try await TestGateway.with { gateway in
            let reply = try await gateway.ask(
                "POST", "/api/v1/devices",
                #"{"serial":"A-17","type":"smoke","name":"Kitchen","labels":{"floor":"2"}}"#)
            #expect(reply.status == 201)
            let id = try #require(reply[text: "id"])
            #expect(id.count == 16 && id.allSatisfy { "abcdefghijklmnopqrstuvwxyz234567".contains($0) })
            #expect(reply.headers["location"] == "/api/v1/devices/\(id)")
            #expect(reply.headers["etag"] == "\"1\"")
            #expect(reply[text: "apiKey"]?.hasPrefix("flk_") == true)
            #expect(reply[text: "account"] == "default" && reply[text: "state"] == "provisioned")
            #expect(gateway.credentials.devices.withLock { $0 } == [id])
            gateway.progress.advance("devices", to: 2)
            let read = try await gateway.ask("GET", "/api/v1/devices/\(id)")
            #expect(read.status == 200 && read[text: "name"] == "Kitchen" && read.json["apiKey"] == nil)
            #expect(read.headers["fleetlog-position"] == "2")
        }
    }

    @Test func `says whether it is there, now and then`() async throws {
        try await TestGateway.with { gateway in
            let (id, other) = (try await gateway.register(), try await gateway.register("s-2"))
            for isOnline in [true, false] {
                try await gateway.devices.send(
                    CommandEnvelope(
                        id: .v7(), .reportStatus(StatusReport(isOnline: isOnline, firmware: isOnline ? "1.4" : nil)),
                        context: CommandContext(time: .now(), principal: .device(id), scope: .all)), to: id)
            }
            let now = try await gateway.ask("GET", "/api/v1/devices/\(id)").json["connectivity"] as? [String: Any]
            #expect(now?["state"] as? String == "offline" && now?["sessions"] as? Int == 1)
            #expect(now?["firmware"] as? String == "1.4" && now?["since"] is String)
            let then = try await gateway.ask("GET", "/api/v1/devices/\(id)?version=2").json["connectivity"]
            #expect((then as? [String: Any])?["state"] as? String == "online")
            for (wanted, found) in [("offline", [id]), ("unknown", [other]), ("online", []), ("flapping", [])] {
                let list = try await gateway.ask("GET", "/api/v1/devices?connectivity=\(wanted)")
                #expect(list.items.compactMap { $0["id"] as? String } == found)
            }
            #expect(try await gateway.ask("GET", "/api/v1/devices?connectivity=away").status == 400)
        }
    }

    @Test func `is read before the view knows it`() async throws {
        try await TestGateway.with { gateway in
            let id = try await gateway.register()
            gateway.queries.end.withLock { $0 = 0 }
            let read = try await gateway.ask("GET", "/api/v1/devices/\(id)")
            #expect(read.status == 200 && read[text: "serial"] == "s-1")
        }
    }

    @Test func `is registered once however often the request is repeated`() async throws {
        try await TestGateway.with { gateway in
            let body = #"{"serial":"A-17","type":"smoke"}"#
            let key = ["Idempotency-Key": "order 4711"]
            let first = try await gateway.ask("POST", "/api/v1/devices", body, key)
            let second = try await gateway.ask("POST", "/api/v1/devices", body, key)
            #expect(first.status == 201 && first.headers["idempotency-replayed"] == nil)
            #expect(second.status == 201 && second.headers["idempotency-replayed"] == "true")
            #expect(second[text: "id"] == first[text: "id"] && second.json["apiKey"] == nil)
            let other = try await gateway.ask(
                "POST", "/api/v1/devices", #"{"serial":"B","type":"smoke"}"#, key)
            #expect(other.status == 422 && other.isProblem && other[text: "field"] == "Idempotency-Key")
            let head = try await gateway.store.head()
            #expect(head.position == 2)
        }
    }

    @Test func `answers 304 to whoever holds its version`() async throws {
        try await TestGateway.with { gateway in
            let id = try await gateway.register()
            let held = try await gateway.ask("GET", "/api/v1/devices/\(id)", ["If-None-Match": "\"1\""])
            #expect(held.status == 304 && held.body.isEmpty)
            try await gateway.record(21, for: id)
            let fresh = try await gateway.ask("GET", "/api/v1/devices/\(id)", ["If-None-Match": "W/\"1\""])
            #expect(fresh.status == 200 && fresh.headers["etag"] == "\"2\"")
            let readings = try #require(fresh.json["readings"] as? [String: [String: Any]])
            #expect(readings["temperature"]?["value"] as? Double == 21)
        }
    }

    @Test func `is changed only at the expected version`() async throws {
        try await TestGateway.with { gateway in
            let id = try await gateway.register()
            let path = "/api/v1/devices/\(id)"
            let changed = try await gateway.ask("PATCH", path, #"{"name":"Cellar"}"#, ["If-Match": "\"1\""])
            #expect(changed.status == 200 && changed[text: "name"] == "Cellar" && changed.headers["etag"] == "\"2\"")
            let stale = try await gateway.ask("PATCH", path, #"{"name":"Attic"}"#, ["If-Match": "\"1\""])
            #expect(stale.status == 412 && stale.isProblem && stale.headers["etag"] == "\"2\"")
            let wrong = try await gateway.ask("PATCH", path, #"{"name":"Attic"}"#, ["If-Match": "1"])
            #expect(wrong.status == 400 && wrong[text: "field"] == "If-Match")
        }
    }

    @Test func `moves to another account and changes its name in one request`() async throws {
        try await TestGateway.with { gateway in
            try await gateway.open("north")
            let id = try await gateway.register()
            let reply = try await gateway.ask(
                "PATCH", "/api/v1/devices/\(id)", #"{"name":"N","account":"north","labels":{}}"#, ["If-Match": "\"1\""])
            #expect(reply.status == 200 && reply[text: "account"] == "north" && reply[text: "name"] == "N")
            #expect(reply.headers["etag"] == "\"3\"")
            let nowhere = try await gateway.ask("PATCH", "/api/v1/devices/\(id)", #"{"account":"south"}"#)
            #expect(nowhere.status == 400 && nowhere[text: "field"] == "account")
        }
    }

    @Test func `does not move if the rest of the change is refused`() async throws {
        try await TestGateway.with { gateway in
            try await gateway.open("north")
            let id = try await gateway.register()
            let reply = try await gateway.ask(
                "PATCH", "/api/v1/devices/\(id)", #"{"type":"No Such","account":"north"}"#)
            #expect(reply.status == 400 && reply[text: "field"] == "type")
            let read = try await gateway.ask("GET", "/api/v1/devices/\(id)")
            #expect(read[text: "account"] == "default")
        }
    }

    @Test func `is retired, and stays so`() async throws {
        try await TestGateway.with { gateway in
            let id = try await gateway.register()
            let path = "/api/v1/devices/\(id)"
            let retired = try await gateway.ask("POST", "\(path)/retire", #"{"reason":"broken"}"#)
            #expect(retired.status == 200 && retired[text: "state"] == "retired")
            #expect(gateway.credentials.devices.withLock { $0 } == [id, id])
            let again = try await gateway.ask("POST", "\(path)/retire")
            #expect(again.status == 200)
            let change = try await gateway.ask("PATCH", path, #"{"name":"x"}"#)
            #expect(change.status == 409 && change.isProblem)
        }
    }

    @Test func `needs an active account, even if another server has just closed it`() async throws {
        try await TestGateway.with { gateway in
            try await gateway.open("north")
            _ = try await gateway.register(account: "north")
            let elsewhere = Directory<Account>(store: gateway.store, snapshots: InMemorySnapshotStore())
            let context = CommandContext(time: .now(), principal: .system, scope: .all)
            try await elsewhere.send(CommandEnvelope(id: .v7(), .deactivate, context: context), to: "north")
            let body = #"{"serial":"2","type":"smoke","account":"north"}"#
            let refused = try await gateway.ask("POST", "/api/v1/devices", body)
            #expect(refused.status == 409 && refused.isProblem)
            try await elsewhere.send(CommandEnvelope(id: .v7(), .activate, context: context), to: "north")
            let accepted = try await gateway.ask("POST", "/api/v1/devices", body)
            #expect(accepted.status == 201)
        }
    }

    @Test func `is listed page by page`() async throws {
        try await TestGateway.with { gateway in
            var ids: Set<String> = []
            for number in 0..<5 { ids.insert(try await gateway.register("s-\(number)")) }
            var (seen, next, pages) = ([String](), "", 0)
            repeat {
                let reply = try await gateway.ask("GET", "/api/v1/devices?limit=2\(next)")
                #expect(reply.status == 200)
                seen += reply.items.compactMap { $0["id"] as? String }
                next = reply[text: "next"].map { "&after=\($0)" } ?? ""
                pages += 1
            } while !next.isEmpty && pages < 10
            #expect(pages == 3 && Set(seen) == ids && seen == seen.sorted() && seen.count == 5)
        }
    }
}
