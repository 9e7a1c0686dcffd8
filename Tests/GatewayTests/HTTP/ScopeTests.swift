import Gateway
import Testing

@Suite(.timeLimit(.minutes(5))) struct `A token that is bound to an account` {
    @Test func `sees nothing of the others, as if they did not exist`() async throws {
        try await TestGateway.with { gateway in
            try await gateway.open("north")
            let foreign = try await gateway.register("foreign")
            let own = try await gateway.register("own", account: "north")
            let token = try await gateway.token(for: "north")
            func ask(_ method: String, _ path: String, _ body: String? = nil) async throws -> Reply {
                try await gateway.ask(method, path, body, token: token)
            }
            let list = try await ask("GET", "/api/v1/devices")
            #expect(list.items.compactMap { $0["id"] as? String } == [own])
            let hidden = [
                ("GET", "/api/v1/devices/\(foreign)", nil), ("PATCH", "/api/v1/devices/\(foreign)", #"{"name":"x"}"#),
                ("POST", "/api/v1/devices/\(foreign)/retire", nil),
                ("GET", "/api/v1/streams/device-\(foreign)/events", nil),
                ("GET", "/api/v1/accounts/default", nil), ("PATCH", "/api/v1/accounts/default", #"{"name":"x"}"#),
                ("GET", "/api/v1/events?account=default", nil), ("GET", "/api/v1/devices?account=default", nil),
            ]
            for (method, path, body) in hidden {
                let reply = try await ask(method, path, body)
                #expect(reply.status == 404 && reply.isProblem, "\(method) \(path)")
            }
            let events = try await ask("GET", "/api/v1/events")
            #expect(Set(events.items.compactMap { $0["account"] as? String }) == ["north"])
            let stream = try await ask("GET", "/api/v1/streams/device-\(own)/events")
            #expect(stream.status == 200 && stream.items.count == 1)
        }
    }

    @Test func `registers devices in its own account and in no other`() async throws {
        try await TestGateway.with { gateway in
            try await gateway.open("north")
            let token = try await gateway.token(for: "north")
            let own = try await gateway.ask(
                "POST", "/api/v1/devices", #"{"serial":"1","type":"smoke"}"#, token: token)
            #expect(own.status == 201 && own[text: "account"] == "north")
            let other = try await gateway.ask(
                "POST", "/api/v1/devices", #"{"serial":"1","type":"smoke","account":"default"}"#, token: token)
            #expect(other.status == 400 && other[text: "field"] == "account")
            let moved = try await gateway.ask(
                "PATCH", "/api/v1/devices/\(own[text: "id"] ?? "")", #"{"account":"default"}"#, token: token)
            #expect(moved.status == 400)
            for (method, path) in [("POST", "/api/v1/accounts"), ("POST", "/api/v1/accounts/north/close")] {
                let reply = try await gateway.ask(method, path, #"{"name":"x"}"#, token: token)
                #expect(reply.status == 403 && reply.isProblem)
            }
        }
    }

    @Test func `sees of a device that came from elsewhere only its own time with it`() async throws {
        try await TestGateway.with { gateway in
            try await gateway.open("north")
            let id = try await gateway.register()
            _ = try await gateway.ask("PATCH", "/api/v1/devices/\(id)", #"{"account":"north"}"#)
            let token = try await gateway.token(.reader, for: "north")
            let events = try await gateway.ask("GET", "/api/v1/streams/device-\(id)/events", token: token)
            #expect(events.items.compactMap { $0["type"] as? String } == ["DeviceAssigned"])
        }
    }

    @Test func `changes nothing with the role of a reader`() async throws {
        try await TestGateway.with { gateway in
            let id = try await gateway.register()
            let token = try await gateway.token(.reader, for: "default")
            for (method, path) in [
                ("POST", "/api/v1/devices"), ("PATCH", "/api/v1/devices/\(id)"),
                ("POST", "/api/v1/devices/\(id)/retire"),
                ("POST", "/api/v1/accounts"), ("PATCH", "/api/v1/accounts/default"),
            ] {
                let reply = try await gateway.ask(method, path, #"{"name":"x"}"#, token: token)
                #expect(reply.status == 403 && reply.isProblem, "\(method) \(path)")
            }
            let read = try await gateway.ask("GET", "/api/v1/devices/\(id)", token: token)
            #expect(read.status == 200)
        }
    }
}
