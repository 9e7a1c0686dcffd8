import Gateway
import Testing

@Suite(.timeLimit(.minutes(5))) struct `An account's settings over HTTP` {
    @Test func `are changed in part, and the rest keeps its value`() async throws {
        try await TestGateway.with { gateway in
            let path = "/api/v1/accounts/default/settings"
            let first = try await gateway.ask("GET", path)
            #expect(first.status == 200 && first.headers["etag"] == "\"1\"")
            #expect(
                first.body
                    == #"{"overheating":{"clear":48,"limit":50,"n":5,"seconds":60},"silence":{"grace":60}}"#)
            let limit = try await gateway.ask(
                "PUT", path, #"{"overheating":{"limit":30.5},"silence":{"seconds":10}}"#, ["If-Match": "\"1\""])
            #expect(limit.status == 200 && limit.headers["etag"] == "\"2\"")
            #expect(
                limit.body
                    == #"{"overheating":{"clear":28.5,"limit":30.5,"n":5,"seconds":60},"silence":{"grace":60,"seconds":10}}"#
            )
            let rest = try await gateway.ask(
                "PUT", path, #"{"overheating":{"n":3,"seconds":0},"silence":{"seconds":null,"grace":0}}"#)
            #expect(
                rest.body
                    == #"{"overheating":{"clear":28.5,"limit":30.5,"n":3,"seconds":0},"silence":{"grace":0}}"#)
            let read = try await gateway.ask("GET", path)
            #expect(read.body == rest.body)
            let held = try await gateway.ask("GET", path, ["If-None-Match": "\"3\""])
            #expect(held.status == 304)
            let stale = try await gateway.ask("PUT", path, "{}", ["If-Match": "\"1\""])
            #expect(stale.status == 412 && stale.isProblem)
        }
    }

    @Test func `are refused where they make no sense, with the field`() async throws {
        try await TestGateway.with { gateway in
            let cases = [
                (#"{"overheating":{"limit":"hot"}}"#, "overheating.limit"),
                (#"{"overheating":{"n":1.5}}"#, "overheating.n"),
                (#"{"overheating":{"n":0}}"#, "overheating.n"), (#"{"overheating":{"n":1e300}}"#, "overheating.n"),
                (#"{"overheating":{"limit":10,"clear":11}}"#, "overheating.clear"),
                (#"{"overheating":{"limmit":10}}"#, "overheating.limmit"), (#"{"overheating":7}"#, "overheating"),
                (#"{"silence":{"seconds":0}}"#, "silence.seconds"), (#"{"silence":{"grace":86401}}"#, "silence.grace"),
                (#"{"silence":{"grace":null}}"#, "silence.grace"), (#"{"silense":{}}"#, "silense"),
                (#"{"overheating":{"n":true}}"#, "overheating.n"),
            ]
            for (body, field) in cases {
                let reply = try await gateway.ask("PUT", "/api/v1/accounts/default/settings", body)
                #expect(reply.status == 400 && reply.isProblem && reply[text: "field"] == field, "\(body): \(reply)")
            }
        }
    }

    @Test func `are lost to nobody when two change them at once`() async throws {
        try await TestGateway.with { gateway in
            let path = "/api/v1/accounts/default/settings"
            try await withThrowingTaskGroup(of: Int.self) { group in
                for body in [
                    #"{"overheating":{"n":7}}"#, #"{"silence":{"grace":7}}"#, #"{"overheating":{"seconds":7}}"#,
                ] {
                    group.addTask { try await gateway.ask("PUT", path, body).status }
                }
                for try await status in group { #expect(status == 200) }
            }
            let read = try await gateway.ask("GET", path)
            #expect(
                read.body == #"{"overheating":{"clear":48,"limit":50,"n":7,"seconds":7},"silence":{"grace":7}}"#)
        }
    }

    @Test func `belong to those of the account, and readers only read them`() async throws {
        try await TestGateway.with { gateway in
            try await gateway.open("north")
            let path = "/api/v1/accounts/default/settings"
            for (role, account, method, status) in [
                (APIToken.Role.admin, "north", "GET", 404), (.admin, "north", "PUT", 404),
                (.reader, "default", "GET", 200), (.reader, "default", "PUT", 403), (.admin, "default", "PUT", 200),
            ] {
                let token = try await gateway.token(role, for: account)
                let reply = try await gateway.ask(method, path, method == "PUT" ? "{}" : nil, token: token)
                #expect(reply.status == status, "\(role) of \(account): \(method)")
            }
        }
    }
}
