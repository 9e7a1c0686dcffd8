import Aggregates
import Foundation
import Gateway
import Runtime
import Testing

@Suite(.timeLimit(.minutes(5))) struct `The past over HTTP` {
    private func recordedTimes(_ stream: String, _ gateway: TestGateway) async throws -> [Timestamp] {
        let name = try #require(StreamName(stream))
        return try await gateway.store.readStream(name, from: 1, limit: 100).map(\.recordedTime)
    }

    @Test func `shows a device at a version and at an instant`() async throws {
        try await TestGateway.with { gateway in
            let id = try await gateway.register()
            let path = "/api/v1/devices/\(id)"
            try await gateway.record(21, for: id)
            _ = try await gateway.ask("PATCH", path, #"{"name":"Attic"}"#)
            try await gateway.record(35, for: id)
            let second = try await gateway.ask("GET", "\(path)?version=2")
            #expect(second.status == 200 && second.headers["etag"] == "\"2\"", "\(second)")
            #expect(second.headers["fleetlog-position"] == "3")
            #expect(second[text: "name"] == "s-1" && second[text: "state"] == "active")
            let reading = (second.json["readings"] as? [String: [String: Any]])?["temperature"]
            #expect(reading?["value"] as? Double == 21 && second.json["telemetryCount"] as? Int == 1)
            let present = try await gateway.ask("GET", path)
            #expect(second[text: "registeredTime"] == present[text: "registeredTime"])
            let last = try await gateway.ask("GET", "\(path)?version=4")
            #expect(last.json["version"] as? Int == 4)
            for field in ["name", "state", "serial", "lastObservedTime", "account"] {
                #expect(last[text: field] == present[text: field], "\(field)")
            }
            let times = try await recordedTimes("device-\(id)", gateway)
            for (index, time) in times.enumerated() where index + 1 == times.count || time < times[index + 1] {
                let reply = try await gateway.ask("GET", "\(path)?at=\(time)")
                #expect(reply.json["version"] as? Int == index + 1, "\(reply)")
            }
            let held = try await gateway.ask("GET", "\(path)?version=2", ["If-None-Match": "\"2\""])
            #expect(held.status == 304 && held.body.isEmpty)
        }
    }

    @Test func `says what has become otherwise of a device, and by which event`() async throws {
        try await TestGateway.with { gateway in
            let start = Timestamp.now() - .seconds(1)
            let id = try await gateway.register()
            let path = "/api/v1/devices/\(id)"
            _ = try await gateway.ask("PATCH", path, #"{"name":"Attic","labels":{"a/b":"1"}}"#)
            try await gateway.record(35, for: id)
            let times = try await recordedTimes("device-\(id)", gateway)
            let reply = try await gateway.ask("GET", "\(path)/diff?from=\(times[0])")
            #expect(reply.status == 200, "\(reply)")
            let changes = try #require(reply.json["changes"] as? [[String: Any]])
            let name = try #require(changes.first { $0["field"] as? String == "/name" })
            #expect(name["from"] as? String == "s-1" && name["to"] as? String == "Attic")
            #expect(changes.contains { $0["field"] as? String == "/labels/a~1b" && $0["from"] is NSNull })
            let steps = try #require(reply.json["steps"] as? [[String: Any]])
            #expect(steps.compactMap { $0["type"] as? String } == ["DeviceUpdated", "TelemetryRecorded"])
            let renaming = try #require(steps.first?["changes"] as? [[String: Any]])
            #expect(renaming.contains { $0["field"] as? String == "/name" })
            let whole = try await gateway.ask("GET", "\(path)/diff?from=\(start)&to=\(times[0])")
            #expect((whole.json["from"] as? [String: Any])?["version"] as? Int == 0)
            #expect(
                (whole.json["changes"] as? [[String: Any]])?.contains { $0["field"] as? String == "/serial" } == true)
            let nothing = try await gateway.ask("GET", "\(path)/diff?from=\(times[2])&to=\(times[2])")
            #expect((nothing.json["changes"] as? [Any])?.isEmpty == true)
            for query in [
                "", "?from=x", "?from=\(times[1])&to=\(times[0].microseconds)", "?from=\(times[2])&to=\(start)",
            ] {
                #expect(try await gateway.ask("GET", "\(path)/diff\(query)").status == 400, "\(query)")
            }
            try await gateway.open("other")
            let token = try await gateway.token(.reader, for: "other")
            let foreign = try await gateway.ask("GET", "\(path)/diff?from=\(start)", [:], token: token)
            #expect(foreign.status == 404)
        }
    }

    @Test func `says the same of an account and of a rollout`() async throws {
        try await TestGateway.with { gateway in
            try await gateway.open("north")
            let account = "/api/v1/accounts/north"
            _ = try await gateway.ask("PATCH", account, #"{"name":"South"}"#)
            _ = try await gateway.ask("PUT", "\(account)/settings", #"{"silence":{"grace":77}}"#)
            _ = try await gateway.ask(
                "PUT", "\(account)/device-types/door", #"{"metrics":{"open":{"kind":"boolean"}}}"#)
            _ = try await gateway.ask(
                "POST", "\(account)/claim-codes", #"{"uses":1,"expires":"\#(Timestamp.now() + .seconds(86_400))"}"#)
            let opened = try #require(try await recordedTimes("account-north", gateway).first)
            let reply = try await gateway.ask("GET", "\(account)/diff?from=\(opened)")
            #expect(reply.status == 200, "\(reply)")
            let changes = try #require(reply.json["changes"] as? [[String: Any]]).compactMap { $0["field"] as? String }
            #expect(changes.contains("/name") && changes.contains("/settings/silence/grace"), "\(changes)")
            #expect(changes.contains("/deviceTypes/door"))
            #expect(!reply.body.contains("sha256") && !reply.body.contains("flc_"))
            let steps = try #require(reply.json["steps"] as? [[String: Any]]).compactMap { $0["type"] as? String }
            #expect(steps.first == "AccountRenamed" && steps.count == 4, "\(steps)")

            let device = try await gateway.register(account: "north")
            let created = try await gateway.ask(
                "POST", "/api/v1/rollouts",
                """
                {"version":"2.0","artifact":{"url":"https://f.example/2.bin","sha256":"\(String(repeating: "a", count: 64))"},
                "account":"north","devices":["\(device)"],"groupSize":1,"successThreshold":80,"errorThreshold":20}
                """)
            let rollout = try #require(created[text: "id"], "\(created)")
            _ = try await gateway.ask("POST", "/api/v1/rollouts/\(rollout)/abort", #"{"reason":"smoke"}"#)
            let start = try #require(try await recordedTimes("rollout-\(rollout)", gateway).first)
            let ended = try await gateway.ask("GET", "/api/v1/rollouts/\(rollout)/diff?from=\(start)")
            #expect(ended.status == 200, "\(ended)")
            let states = try #require(ended.json["changes"] as? [[String: Any]]).first {
                $0["field"] as? String == "/state"
            }
            #expect(states?["from"] as? String == "created" && states?["to"] as? String == "aborted")
            #expect(ended.body.contains(#""type":"RolloutAborted""#))

            try await gateway.open("other")
            let token = try await gateway.token(.reader, for: "other")
            for path in [account, "/api/v1/rollouts/\(rollout)"] {
                let foreign = try await gateway.ask("GET", "\(path)/diff?from=\(opened)", [:], token: token)
                #expect(foreign.status == 404)
                let tomorrow = Timestamp.now() + .seconds(86_400)
                for query in [
                    "", "?from=x", "?from=\(tomorrow)", "?from=\(opened)&to=2001-01-01T00:00:00Z", "?at=\(opened)",
                ] {
                    let bad = try await gateway.ask("GET", "\(path)/diff\(query)")
                    #expect(bad.status == 400 && bad.isProblem, "\(query)")
                }
            }
        }
    }

    @Test func `shows the whole fleet as of a position and of an instant`() async throws {
        try await TestGateway.with { gateway in
            try await gateway.open("north")
            let first = try await gateway.register("s-1")
            let second = try await gateway.register("s-2", account: "north")
            _ = try await gateway.ask("POST", "/api/v1/devices/\(first)/retire", #"{"reason":"sold"}"#)
            let stream = try #require(StreamName("device-\(second)"))
            let registered = try #require(try await gateway.store.readStream(stream, from: 1, limit: 1).first)
            for query in ["asOf=\(registered.position)", "at=\(registered.recordedTime)"] {
                let fleet = try await gateway.ask("GET", "/api/v1/fleet?\(query)")
                #expect(fleet.status == 200, "\(fleet)")
                #expect(fleet.headers["fleetlog-position"] == "\(registered.position)")
                #expect(fleet.json["byAccount"] as? [String: Int] == ["default": 1, "north": 1])
                let list = try await gateway.ask("GET", "/api/v1/devices?sort=serial&limit=1&\(query)")
                #expect(list.items.first?["state"] as? String == "provisioned", "\(list)")
                #expect(list.headers["fleetlog-position"] == "\(registered.position)")
                let next = try #require(list[text: "next"])
                let rest = try await gateway.ask("GET", "/api/v1/devices?sort=serial&after=\(next)&\(query)")
                #expect(rest.items.compactMap { $0["serial"] as? String } == ["s-2"])
            }
            let before = try await gateway.ask("GET", "/api/v1/devices?asOf=\(registered.position - 1)")
            #expect(before.items.count == 1)
            #expect(try await gateway.ask("GET", "/api/v1/devices?asOf=0").items.isEmpty)
            let north = try await gateway.token(.reader, for: "north")
            let own = try await gateway.ask("GET", "/api/v1/fleet?asOf=\(registered.position)", token: north)
            #expect(own.json["byAccount"] as? [String: Int] == ["north": 1])
            for path in ["fleet", "devices"] {
                for (field, query) in [
                    ("asOf", "asOf=x"), ("asOf", "asOf=-1"), ("asOf", "asOf=1000000"), ("at", "at=yesterday"),
                    ("asOf", "asOf=1&at=2026-11-21T08:00:00Z"),
                ] {
                    let bad = try await gateway.ask("GET", "/api/v1/\(path)?\(query)")
                    #expect(bad.status == 400 && bad.isProblem && bad[text: "field"] == field, "\(query): \(bad)")
                }
            }
        }
    }

    @Test func `says which devices came, went and changed`() async throws {
        try await TestGateway.with { gateway in
            try await gateway.open("north")
            let (kept, moved) = (try await gateway.register("s-1"), try await gateway.register("s-2"))
            let start = try #require(try await recordedTimes("device-\(moved)", gateway).last)
            let new = try await gateway.register("s-3")
            try await gateway.record(1, for: kept)
            _ = try await gateway.ask("PATCH", "/api/v1/devices/\(moved)", #"{"account":"north"}"#)
            let path = "/api/v1/fleet/diff?from=\(start)"
            let all = try await gateway.ask("GET", path)
            #expect(all.status == 200, "\(all)")
            #expect(
                all.json["counts"] as? [String: Int] == [
                    "came": 1, "went": 0, "account": 1, "type": 0, "state": 1, "connectivity": 1,
                ])
            #expect(all.items.compactMap { $0["id"] as? String } == [kept, moved, new].sorted())
            let active = try #require(all.items.first { $0["id"] as? String == kept }?["to"] as? [String: String])
            #expect(active["state"] == "active" && active["connectivity"] == "online")
            var (found, after): ([String], String?) = ([], nil)
            repeat {
                let page = try await gateway.ask("GET", path + "&limit=1" + (after.map { "&after=\($0)" } ?? ""))
                found += page.items.compactMap { $0["id"] as? String }
                after = page[text: "next"]
                // What comes later is no part of it.
                _ = try await gateway.register("later-\(found.count)")
            } while after != nil && found.count < 9
            #expect(found == [kept, moved, new].sorted())
            let north = try await gateway.token(.reader, for: "north")
            let own = try await gateway.ask("GET", path, token: north)
            #expect((own.json["counts"] as? [String: Int])?["came"] == 1 && own.items.count == 1)
            #expect(own.items.first?["from"] == nil && own.items.first?["id"] as? String == moved)
            let left = try await gateway.ask("GET", "\(path)&account=default")
            #expect((left.json["counts"] as? [String: Int])?["went"] == 1)
            for query in [
                "", "from=x", "from=\(start)&to=2001-01-01T00:00:00Z", "from=2100-01-01T00:00:00Z",
                "from=\(start)&after=x", "from=\(start)&limit=0", "from=\(start)&at=\(start)",
            ] {
                let bad = try await gateway.ask("GET", "/api/v1/fleet/diff?\(query)")
                #expect(bad.status == 400 && bad.isProblem, "\(query): \(bad)")
            }
        }
    }

    @Test func `shows an account and a rollout`() async throws {
        try await TestGateway.with { gateway in
            try await gateway.open("north")
            _ = try await gateway.ask("PATCH", "/api/v1/accounts/north", #"{"name":"South"}"#)
            let account = try await gateway.ask("GET", "/api/v1/accounts/north?version=1")
            #expect(account[text: "name"] == "north" && account.json["version"] as? Int == 1)
            let opened = try await gateway.ask("GET", "/api/v1/accounts/north")[text: "openedTime"]
            #expect(account[text: "openedTime"] == opened && opened != nil)

            let device = try await gateway.register()
            let created = try await gateway.ask(
                "POST", "/api/v1/rollouts",
                """
                {"version":"2.0","artifact":{"url":"https://f.example/2.bin","sha256":"\(String(repeating: "a", count: 64))"},
                "devices":["\(device)"],"groupSize":1,"successThreshold":80,"errorThreshold":20}
                """)
            let path = "/api/v1/rollouts/\(try #require(created[text: "id"]))"
            let before = try await gateway.ask("GET", path)
            let stood = try #require(before.json["streamVersion"] as? Int)
            _ = try await gateway.ask("POST", "\(path)/abort", #"{"reason":"smoke"}"#)
            let past = try await gateway.ask("GET", "\(path)?version=\(stood)")
            #expect(past.status == 200 && past.body == before.body)
            let now = try await gateway.ask("GET", path)
            let newest = try #require(now.json["streamVersion"] as? Int)
            #expect(now[text: "state"] == "aborted" && newest > stood)
            #expect(try await gateway.ask("GET", "\(path)?version=\(newest)").body == now.body)
        }
    }

    @Test func `answers what never was with 404, and what cannot be meant with 400`() async throws {
        try await TestGateway.with { gateway in
            let id = try await gateway.register()
            let path = "/api/v1/devices/\(id)"
            for query in [
                "version=0", "version=-1", "version=two", "version=", "at=yesterday", "at=2026-13-01T00:00:00Z",
                "at=2026-11-21T08:00:00Z&version=1",
            ] {
                let reply = try await gateway.ask("GET", "\(path)?\(query)")
                #expect(reply.status == 400 && reply.isProblem && reply[text: "field"] != nil, "\(query)")
            }
            let early = try await gateway.ask("GET", "\(path)?at=2001-01-01T00:00:00Z")
            #expect(early.status == 404 && early[text: "type"] == "urn:fleetlog:problem:not-found")
            #expect(early[text: "detail"]?.contains("no device with this id then") == true)
            let late = try await gateway.ask("GET", "\(path)?version=2")
            #expect(late.status == 404 && late[text: "type"] == "urn:fleetlog:problem:version-not-reached")
            #expect(late[text: "detail"] == "Its newest version is 1.")
            for kind in ["devices", "accounts", "rollouts"] {
                let nobody = try await gateway.ask("GET", "/api/v1/\(kind)/nobody?version=1")
                #expect(nobody.status == 404 && nobody[text: "type"] == "urn:fleetlog:problem:not-found")
            }
            let list = try await gateway.ask("GET", "/api/v1/devices?version=1")
            #expect(list.status == 400)
        }
    }

    @Test func `belongs to whoever it belonged to then`() async throws {
        try await TestGateway.with { gateway in
            try await gateway.open("north")
            let moved = try await gateway.register()
            let foreign = try await gateway.register("s-2")
            _ = try await gateway.ask("PATCH", "/api/v1/devices/\(moved)", #"{"account":"north"}"#)
            let token = try await gateway.token(.reader, for: "north")
            for path in [
                "devices/\(moved)?version=1", "devices/\(foreign)?version=1", "devices/\(foreign)?version=9",
                "accounts/default?version=1", "accounts/default?version=9",
            ] {
                let reply = try await gateway.ask("GET", "/api/v1/\(path)", [:], token: token)
                #expect(reply.status == 404 && reply[text: "type"] == "urn:fleetlog:problem:not-found", "\(path)")
            }
            let own = try await gateway.ask("GET", "/api/v1/devices/\(moved)?version=2", [:], token: token)
            #expect(own.status == 200 && own[text: "account"] == "north")
        }
    }
}
