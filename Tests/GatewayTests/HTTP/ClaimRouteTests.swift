import Gateway
import Runtime
import Support
import Synchronization
import Testing

@Suite(.serialized, .timeLimit(.minutes(5))) struct `A device with a claim code` {
    private let codes = "/api/v1/accounts/default/claim-codes"

    private func create(_ gateway: TestGateway, uses: Int = 2) async throws -> (id: String, code: String) {
        let reply = try await gateway.ask(
            "POST", codes, #"{"uses":\#(uses),"expires":"\#(Timestamp.now() + .seconds(600))","note":"lot 7"}"#)
        #expect(reply.status == 201, "\(reply)")
        return (try #require(reply[text: "id"]), try #require(reply[text: "code"]))
    }

    private func claim(_ gateway: TestGateway, _ code: String, _ serial: String = "A") async throws -> Reply {
        try await gateway.ask(
            "POST", "/api/v1/claims", #"{"code":"\#(code)","serial":"\#(serial)","type":"smoke"}"#, token: "")
    }

    @Test func `registers itself, and an operator sees it appear`() async throws {
        try await PostgresLog.with { log in
            try await TestGateway.with(store: log.store, serials: PostgresSerialNumbers(pool: log.pool)) { gateway in
                let (codeID, code) = try await create(gateway)
                let claimed = try await claim(gateway, code)
                #expect(claimed.status == 201 && claimed[text: "apiKey"]?.hasPrefix("flk_") == true, "\(claimed)")
                let id = try #require(claimed[text: "id"])
                let seen = try await gateway.ask("GET", "/api/v1/devices/\(id)")
                #expect(seen[text: "state"] == "provisioned" && seen[text: "claimed"] == codeID)
                #expect(seen[text: "account"] == "default" && seen[text: "serial"] == "A")
                #expect(gateway.credentials.devices.withLock { $0 } == [id])
                let key = try #require(claimed[text: "apiKey"])
                #expect(try await PostgresDeviceKeys(pool: log.pool).verify(device: id, key: key))
                let twice = try await claim(gateway, code)
                #expect(twice.status == 409 && twice[text: "type"] == "urn:fleetlog:problem:serial-taken")
                #expect(try await claim(gateway, code, "B").status == 201)
                #expect(try await claim(gateway, code, "C").status == 403)
                let list = try await gateway.ask("GET", codes)
                #expect(list.items.first?["used"] as? Int == 2 && list.items.first?["code"] == nil)
                // Neither the code nor a key is anywhere in the log.
                let events = try await gateway.ask("GET", "/api/v1/events?limit=1000")
                #expect(!events.body.contains(code) && !events.body.contains("flk_"))
            }
        }
    }

    @Test func `is refused alike, whatever is wrong with the code`() async throws {
        try await TestGateway.with { gateway in
            try await gateway.open("north")
            let (revokedID, revoked) = try await create(gateway)
            #expect(try await gateway.ask("DELETE", "\(codes)/\(revokedID)").status == 204)
            #expect(try await gateway.ask("DELETE", "\(codes)/\(revokedID)").status == 404)
            let (_, usedUp) = try await create(gateway, uses: 1)
            #expect(try await claim(gateway, usedUp).status == 201)
            let (_, good) = try await create(gateway)
            var answers: Set<String> = []
            for code in [
                "", "nonsense", "flc_.", "flc_../x.y", revoked, usedUp, good.dropLast() + "!", good + "a",
                good.replacing("flc_default", with: "flc_north"), good.replacing("flc_default", with: "flc_nobody"),
            ] {
                let reply = try await claim(gateway, String(code), "B")
                #expect(reply.status == 403, "\(code)")
                answers.insert(reply.body)
            }
            #expect(answers.count == 1)
            #expect(try await claim(gateway, good, "B").status == 201)
        }
    }

    @Test func `finds wrong codes limited by address`() async throws {
        try await TestGateway.with { gateway in
            var statuses: [Int] = []
            for _ in 0..<25 { statuses.append(try await claim(gateway, "flc_default.wrong").status) }
            #expect(statuses.prefix(20).allSatisfy { $0 == 403 } && statuses.last == 429)
        }
    }

    @Test func `uses a code as often as it may be used, though many come at once`() async throws {
        try await TestGateway.with { gateway in
            let (_, code) = try await create(gateway, uses: 3)
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<6 {
                    group.addTask { try await claim(gateway, code, "S-\(number)").status }
                }
                var statuses: [Int] = []
                for try await status in group { statuses.append(status) }
                return statuses.sorted()
            }
            #expect(statuses == [201, 201, 201, 403, 403, 403])
        }
    }

    @Test func `has its codes made by those who may, in their own account`() async throws {
        try await TestGateway.with { gateway in
            try await gateway.open("north")
            let foreign = try await gateway.token(for: "north")
            let reader = try await gateway.token(.reader, for: "default")
            let body = #"{"uses":1,"expires":"\#(Timestamp.now() + .seconds(600))"}"#
            #expect(try await gateway.ask("POST", codes, body, token: foreign).status == 404)
            #expect(try await gateway.ask("GET", codes, [:], token: foreign).status == 404)
            #expect(try await gateway.ask("POST", codes, body, token: reader).status == 403)
            #expect(try await gateway.ask("GET", codes, [:], token: reader).status == 403)
            for (body, field) in [
                ("{}", "uses"), (#"{"uses":1}"#, "expires"), (#"{"uses":1,"expires":"soon"}"#, "expires"),
                (#"{"uses":0,"expires":"\#(Timestamp.now() + .seconds(600))"}"#, "uses"),
                (#"{"uses":1,"expires":"2020-01-01T00:00:00Z"}"#, "expires"),
            ] {
                let reply = try await gateway.ask("POST", codes, body)
                #expect(reply.status == 400 && reply[text: "field"] == field, "\(reply)")
            }
        }
    }
}
