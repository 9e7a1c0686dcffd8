import Gateway
import Runtime
import Support
import Testing

private func body(_ serial: String, _ account: String = "default") -> String {
    #"{"serial":"\#(serial)","type":"smoke","account":"\#(account)"}"#
}

@Suite(.serialized, .timeLimit(.minutes(5))) struct `A serial number` {
    @Test func `with a character that Postgres does not know is refused, and no other with it`() async throws {
        try await withTwoServers { one, _ in
            let alone = try await one.ask("POST", "/api/v1/devices", body(#"a\u0000b"#))
            #expect(alone.status == 400 && alone[text: "field"] == "serial", "\(alone)")
            let batch = try await one.ask(
                "POST", "/api/v1/devices/batch",
                #"{"devices":[{"serial":"a\u0000b","type":"smoke"},{"serial":"c","type":"smoke"}]}"#)
            #expect(batch.items.count == 2 && batch.items[1]["id"] is String, "\(batch)")
            #expect(batch.items.first?["id"] == nil)
        }
    }

    @Test func `is one device's in its account, and another account's as well`() async throws {
        try await withTwoServers { one, other in
            try await one.open("north")
            let first = try await one.ask("POST", "/api/v1/devices", body("A"))
            #expect(first.status == 201, "\(first)")
            let second = try await other.ask("POST", "/api/v1/devices", body("A"))
            #expect(second.status == 409 && second.isProblem, "\(second)")
            #expect(second[text: "type"] == "urn:fleetlog:problem:serial-taken")
            let elsewhere = try await other.ask("POST", "/api/v1/devices", body("A", "north"))
            #expect(elsewhere.status == 201)
        }
    }

    @Test func `goes to one of many who ask at once, at two servers`() async throws {
        try await withTwoServers { one, other in
            for round in 0..<3 {
                let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                    for index in 0..<8 {
                        group.addTask {
                            let key = index < 4 ? ["Idempotency-Key": "\(round)-\(index)"] : [:]
                            let server = index % 2 == 0 ? one : other
                            return try await server.ask("POST", "/api/v1/devices", body("R-\(round)"), key).status
                        }
                    }
                    var statuses: [Int] = []
                    for try await status in group { statuses.append(status) }
                    return statuses.sorted()
                }
                #expect(statuses == [201] + Array(repeating: 409, count: 7))
            }
            let list = try await one.ask("GET", "/api/v1/devices")
            #expect(list.items.compactMap { $0["serial"] as? String }.sorted() == ["R-0", "R-1", "R-2"])
        }
    }

    @Test func `is checked where a device moves to`() async throws {
        try await withTwoServers { one, other in
            try await one.open("north")
            let id = try await one.register("A")
            let there = try await other.register("A", account: "north")
            let refused = try await other.ask("PATCH", "/api/v1/devices/\(id)", #"{"account":"north"}"#)
            #expect(refused.status == 409 && refused[text: "type"] == "urn:fleetlog:problem:serial-taken", "\(refused)")
            let moved = try await one.ask("PATCH", "/api/v1/devices/\(id)", #"{"account":"north","serial":"B"}"#)
            #expect(moved.status == 200 && moved[text: "serial"] == "B" && moved[text: "account"] == "north")
            // What it left is free, what it has now is not.
            #expect(try await other.ask("POST", "/api/v1/devices", body("A")).status == 201)
            #expect(try await other.ask("PATCH", "/api/v1/devices/\(there)", #"{"serial":"B"}"#).status == 409)
            #expect(try await other.ask("PATCH", "/api/v1/devices/\(id)", #"{"serial":"B"}"#).status == 200)
        }
    }

    @Test func `is free again when its device is retired`() async throws {
        try await withTwoServers { one, other in
            let id = try await one.register("A")
            let quarantined = try await one.ask("POST", "/api/v1/devices/\(id)/quarantine", #"{"reason":"odd"}"#)
            #expect(quarantined.status == 200)
            #expect(try await other.ask("POST", "/api/v1/devices", body("A")).status == 409)
            #expect(try await one.ask("POST", "/api/v1/devices/\(id)/retire").status == 200)
            #expect(try await other.ask("POST", "/api/v1/devices", body("A")).status == 201)
        }
    }

    @Test func `is still the answer to a request sent again, though another has it by now`() async throws {
        try await withTwoServers { one, other in
            let key = ["Idempotency-Key": "k"]
            let first = try await one.ask("POST", "/api/v1/devices", body("A"), key)
            let id = try #require(first[text: "id"])
            #expect(try await one.ask("POST", "/api/v1/devices/\(id)/retire").status == 200)
            _ = try await other.register("A")
            let again = try await other.ask("POST", "/api/v1/devices", body("A"), key)
            #expect(again.status == 201 && again[text: "id"] == id, "\(again)")
        }
    }

    @Test func `of a device from before is held by whoever was first`() async throws {
        let database = try await TestDatabase.create(migrated: false)
        try await database.migrate(upTo: "0013-accepted-commands")
        let stored = [
            ("a", "DeviceRegistered", #"{"serial":"S","account":"default","type":"t","name":"","labels":{}}"#),
            ("b", "DeviceRegistered", #"{"serial":"S","account":"default","type":"t","name":"","labels":{}}"#),
            ("c", "DeviceRegistered", #"{"serial":"T","account":"default","type":"t","name":"","labels":{}}"#),
            ("c", "DeviceAssigned", #"{"account":"north"}"#),
            ("d", "DeviceRegistered", #"{"serial":"U","account":"default","type":"t","name":"","labels":{}}"#),
            ("d", "DeviceRetired", #"{"reason":""}"#),
        ]
        try await PostgresLog.with(database) { log in
            var versions: [String: Int64] = [:]
            for (device, type, data) in stored {
                let event = NewEvent(
                    id: .v7(), type: type, observedTime: .now(), data: Array(data.utf8),
                    metadata: EventMetadata(principal: .system, account: .default, commandID: .v7()))
                let stream = StreamName(category: "device", id: device)
                let version = versions[device, default: 0]
                _ = try await log.store.append(Append([StreamChange(stream, expecting: version, events: [event])]))
                versions[device] = version + 1
            }
            try await database.migrate()
            let serials = PostgresSerialNumbers(pool: log.pool)
            #expect(try await serials.holders(of: ["S", "T", "U"], in: .default) == ["S": "a"])
            #expect(try await serials.holders(of: ["S", "T", "U"], in: AccountID("north")) == ["T": "c"])
            try await TestGateway.with(store: log.store, serials: serials) { gateway in
                #expect(try await gateway.ask("POST", "/api/v1/devices", body("S")).status == 409)
                // The second one can be changed and moved like any other.
                try await gateway.open("north")
                let moved = try await gateway.ask("PATCH", "/api/v1/devices/b", #"{"account":"north"}"#)
                #expect(moved.status == 200, "\(moved)")
                #expect(try await serials.holders(of: ["S"], in: AccountID("north")) == ["S": "b"])
            }
        }
    }
}
