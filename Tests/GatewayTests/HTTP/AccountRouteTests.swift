import Foundation
import Gateway
import Testing

@Suite(.timeLimit(.minutes(5))) struct `An account over HTTP` {
    @Test func `is opened, renamed, switched off and on, and closed for good`() async throws {
        try await TestGateway.with { gateway in
            let opened = try await gateway.ask("POST", "/api/v1/accounts", #"{"id":"north","name":"North"}"#)
            #expect(opened.status == 201 && opened[text: "state"] == "active")
            #expect(opened.headers["location"] == "/api/v1/accounts/north" && opened.headers["etag"] == "\"1\"")
            let path = "/api/v1/accounts/north"
            let renamed = try await gateway.ask("PATCH", path, #"{"name":"N"}"#, ["If-Match": "\"1\""])
            #expect(renamed.status == 200 && renamed[text: "name"] == "N")
            for (action, state) in [("deactivate", "inactive"), ("activate", "active"), ("close", "closed")] {
                let reply = try await gateway.ask("POST", "\(path)/\(action)")
                #expect(reply.status == 200 && reply[text: "state"] == state)
            }
            let late = try await gateway.ask("POST", "\(path)/activate", "{}")
            #expect(late.status == 409 && late.isProblem)
            let read = try await gateway.ask("GET", path, ["If-None-Match": "\"5\""])
            #expect(read.status == 304)
        }
    }

    @Test func `gets an id if none is given, the same one for the same idempotency key`() async throws {
        try await TestGateway.with { gateway in
            let key = ["Idempotency-Key": "one"]
            let first = try await gateway.ask("POST", "/api/v1/accounts", #"{"name":"N"}"#, key)
            let second = try await gateway.ask("POST", "/api/v1/accounts", #"{"name":"N"}"#, key)
            #expect(first.status == 201 && first[text: "id"]?.count == 16)
            #expect(second.status == 201 && second[text: "id"] == first[text: "id"])
            #expect(second.headers["idempotency-replayed"] == "true")
            let taken = try await gateway.ask("POST", "/api/v1/accounts", #"{"id":"default","name":"N"}"#)
            #expect(taken.status == 409)
            let wrong = try await gateway.ask("POST", "/api/v1/accounts", #"{"id":"a/b","name":"N"}"#)
            #expect(wrong.status == 400 && wrong[text: "field"] == "id")
        }
    }

    @Test func `is listed with the others`() async throws {
        try await TestGateway.with { gateway in
            try await gateway.open("north")
            let reply = try await gateway.ask("GET", "/api/v1/accounts")
            #expect(reply.items.compactMap { $0["id"] as? String } == ["default", "north"])
            #expect(reply.json["next"] is NSNull)
            let missing = try await gateway.ask("GET", "/api/v1/accounts/south")
            #expect(missing.status == 404 && missing.isProblem)
        }
    }
}
