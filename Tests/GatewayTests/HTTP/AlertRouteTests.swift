import Aggregates
import Foundation
import Gateway
import Projections
import Runtime
import Testing

extension TestGateway {
    /// Raises an alert, as a workflow would.
    func raise(
        _ id: String, device: String = "d-1", severity: Severity = .critical, account: String = "default"
    ) async throws {
        let fact = AlertRaised(
            account: AccountID(account), device: device, kind: "overheating", severity: severity, title: "Too hot",
            text: "61 °C")
        try await send(.raise(fact), to: id)
    }

    func clear(_ id: String) async throws { try await send(.clear(reason: "It has cooled down."), to: id) }

    private func send(_ command: Alert.Command, to id: String) async throws {
        let context = CommandContext(time: .now(), principal: .workflow("overheating"), scope: .all)
        try await alerts.send(CommandEnvelope(id: .v7(), command, context: context), to: id)
    }
}

@Suite(.timeLimit(.minutes(5))) struct `An alert over HTTP` {
    @Test func `is read, acknowledged with a note, and seen as cleared`() async throws {
        try await TestGateway.with { gateway in
            try await gateway.raise("a-1")
            gateway.progress.advance("alerts", to: 2)
            let path = "/api/v1/alerts/a-1"
            let open = try await gateway.ask("GET", path)
            #expect(open.status == 200 && open.headers["etag"] == "\"1\"")
            #expect(open[text: "state"] == "open" && open[text: "severity"] == "critical")
            #expect(open[text: "device"] == "d-1" && open[text: "text"] == "61 °C")
            #expect(open.headers["fleetlog-position"] == "2")
            #expect(try await gateway.ask("GET", path, ["If-None-Match": "\"1\""]).status == 304)
            let seen = try await gateway.ask(
                "POST", "\(path)/acknowledge", #"{"note":"on my way"}"#, ["If-Match": "\"1\""])
            #expect(seen.status == 200 && seen[text: "state"] == "acknowledged" && seen[text: "note"] == "on my way")
            #expect(seen[text: "acknowledgedBy"]?.hasPrefix("user:") == true && seen.headers["etag"] == "\"2\"")
            try await gateway.clear("a-1")
            let over = try await gateway.ask("GET", path)
            #expect(over[text: "state"] == "cleared" && over[text: "reason"] == "It has cooled down.")
            let late = try await gateway.ask("POST", "\(path)/acknowledge")
            #expect(late.status == 409 && late.isProblem && late[text: "detail"]?.contains("cleared") == true)
        }
    }

    @Test func `is acknowledged once, whoever asks again`() async throws {
        try await TestGateway.with { gateway in
            try await gateway.raise("a-1")
            let path = "/api/v1/alerts/a-1/acknowledge"
            let key = ["Idempotency-Key": "one"]
            for _ in 0..<2 {
                #expect(try await gateway.ask("POST", path, #"{"note":"mine"}"#, key).headers["etag"] == "\"2\"")
            }
            let second = try await gateway.ask("POST", path, #"{"note":"no, mine"}"#)
            #expect(second.status == 200 && second[text: "note"] == "mine" && second.headers["etag"] == "\"2\"")
            let stale = try await gateway.ask("POST", path, "{}", ["If-Match": "\"1\""])
            #expect(stale.status == 412)
        }
    }

    @Test(arguments: [
        (#"{"note":7}"#, "note"), (#"{"remark":"x"}"#, "remark"),
        (#"{"note":"\#(String(repeating: "x", count: 501))"}"#, "note"),
    ])
    func `refuses an acknowledgement it cannot take`(_ body: String, _ field: String) async throws {
        try await TestGateway.with { gateway in
            try await gateway.raise("a-1")
            let reply = try await gateway.ask("POST", "/api/v1/alerts/a-1/acknowledge", body)
            #expect(reply.status == 400 && reply[text: "field"] == field)
        }
    }

    @Test func `does not exist for somebody of another account`() async throws {
        try await TestGateway.with { gateway in
            try await gateway.open("north")
            try await gateway.raise("a-1", account: "north")
            try await gateway.raise("a-2")
            let token = try await gateway.token(for: "default")
            #expect(try await gateway.ask("GET", "/api/v1/alerts/a-1", [:], token: token).status == 404)
            let refused = try await gateway.ask("POST", "/api/v1/alerts/a-1/acknowledge", "{}", token: token)
            #expect(refused.status == 404)
            let list = try await gateway.ask("GET", "/api/v1/alerts", [:], token: token)
            #expect(list.items.compactMap { $0["id"] as? String } == ["a-2"])
            #expect(try await gateway.ask("GET", "/api/v1/alerts?account=north", [:], token: token).status == 404)
        }
    }

    @Test func `is not acknowledged by somebody who may only read`() async throws {
        try await TestGateway.with { gateway in
            try await gateway.raise("a-1")
            let reader = try await gateway.token(.reader, for: "default")
            #expect(try await gateway.ask("GET", "/api/v1/alerts/a-1", [:], token: reader).status == 200)
            let refused = try await gateway.ask("POST", "/api/v1/alerts/a-1/acknowledge", "{}", token: reader)
            #expect(refused.status == 403)
        }
    }

    @Test(arguments: ["nobody", "a%20b", String(repeating: "x", count: 300)])
    func `is missing if nobody has raised it`(_ id: String) async throws {
        try await TestGateway.with { gateway in
            let read = try await gateway.ask("GET", "/api/v1/alerts/\(id)")
            let seen = try await gateway.ask("POST", "/api/v1/alerts/\(id)/acknowledge", "{}")
            #expect(read.status == 404 && seen.status == 404)
        }
    }
}

@Suite(.timeLimit(.minutes(5))) struct `The list of alerts over HTTP` {
    @Test func `is newest first, page by page, by state, device and account`() async throws {
        try await TestGateway.with { gateway in
            try await gateway.open("north")
            for number in 1...3 { try await gateway.raise("a-\(number)") }
            try await gateway.raise("a-4", device: "d-2", account: "north")
            try await gateway.clear("a-2")
            func ids(_ query: String) async throws -> [String] {
                try await gateway.ask("GET", "/api/v1/alerts\(query)").items.compactMap { $0["id"] as? String }
            }
            #expect(try await ids("") == ["a-4", "a-3", "a-2", "a-1"])
            #expect(try await ids("?state=open") == ["a-4", "a-3", "a-1"])
            #expect(try await ids("?state=cleared&device=d-1") == ["a-2"])
            #expect(try await ids("?account=north") == ["a-4"])
            #expect(try await ids("?device=d-2&account=default") == [])
            let first = try await gateway.ask("GET", "/api/v1/alerts?limit=3")
            let cursor = try #require(first[text: "next"])
            #expect(try await ids("?limit=3&after=\(cursor)") == ["a-1"])
        }
    }

    @Test func `is gravest first if that is asked of open ones, page by page`() async throws {
        try await TestGateway.with { gateway in
            for (id, severity) in [("a", Severity.info), ("b", .critical), ("c", .warning), ("d", .critical)] {
                try await gateway.raise(id, severity: severity)
            }
            try await gateway.raise("e", severity: .critical)
            try await gateway.clear("e")
            let path = "/api/v1/alerts?state=open&sort=-severity&limit=2"
            let first = try await gateway.ask("GET", path)
            #expect(first.items.compactMap { $0["id"] as? String } == ["d", "b"])
            let cursor = try #require(first[text: "next"])
            let second = try await gateway.ask("GET", "\(path)&after=\(cursor)")
            #expect(second.items.compactMap { $0["id"] as? String } == ["c", "a"])
            // A cursor belongs to its order.
            for order in ["", "&sort=-raised"] {
                let other = try await gateway.ask("GET", "/api/v1/alerts?state=open\(order)&after=\(cursor)")
                #expect(other.status == 400 && other.isProblem)
            }
        }
    }

    @Test(arguments: [
        "?state=unraised", "?state=", "?kind=silence", "?after=x", "?limit=0", "?sort=severity", "?sort=-severity",
        "?sort=-severity&state=cleared",
    ])
    func `refuses a question it does not know`(_ query: String) async throws {
        try await TestGateway.with { gateway in
            let reply = try await gateway.ask("GET", "/api/v1/alerts\(query)")
            #expect(reply.status == 400 && reply.isProblem)
        }
    }
}
