import Aggregates
import Gateway
import Runtime
import Support
import Testing

@Suite(.timeLimit(.minutes(5))) struct `Whoever looks after streams` {
    /// A device whose stream holds an event of a newer program.
    private func isolated(in gateway: TestGateway) async throws -> String {
        let event = NewEvent(
            id: .v7(), type: "DeviceUpgraded", observedTime: .now(), data: Array(#"{"secret":"x"}"#.utf8),
            metadata: EventMetadata(principal: .system, account: .default, commandID: .v7()))
        let stream = StreamName(category: "device", id: "d1")
        _ = try await gateway.store.append(Append([StreamChange(stream, expecting: 0, events: [event])]))
        try await eventually("the stream is isolated") {
            _ = try? await gateway.devices.recall("d1")
            return !gateway.devices.isolatedStreams(at: .now()).isEmpty
        }
        return stream.description
    }

    @Test func `learns which cannot be read, and why`() async throws {
        try await TestGateway.with { gateway in
            #expect(try await gateway.ask("GET", "/api/v1/isolated-streams").items.isEmpty)
            let stream = try await isolated(in: gateway)
            let item = try #require(try await gateway.ask("GET", "/api/v1/isolated-streams").items.first)
            #expect(item["stream"] as? String == stream)
            #expect((item["reason"] as? String)?.contains("DeviceUpgraded") == true)
            #expect((item["reason"] as? String)?.contains("secret") == false)
            #expect((item["retry"] as? String ?? "") > (item["since"] as? String ?? ""))
            // Nothing for those who watch whether the server can work.
            #expect(try await gateway.ask("GET", "/readyz", token: "").status == 200)
            // Strangers to the matter learn no more than that something is broken.
            let reply = try await gateway.ask("POST", "/api/v1/devices/d1/retire", #"{"reason":"x"}"#)
            #expect(reply.status >= 400 && !"\(reply)".contains("DeviceUpgraded"))
        }
    }

    @Test func `has one tried again, and is told if it is not isolated`() async throws {
        try await TestGateway.with { gateway in
            let stream = try await isolated(in: gateway)
            let path = "/api/v1/isolated-streams"
            #expect(try await gateway.ask("POST", "\(path)/\(stream)/restart", "{}").status == 202)
            for other in ["device-d2", "tally-d1", "nonsense"] {
                let reply = try await gateway.ask("POST", "\(path)/\(other)/restart", "{}")
                #expect(reply.status == 404 && reply.isProblem)
            }
        }
    }

    @Test func `must be an admin bound to no account`() async throws {
        try await TestGateway.with { gateway in
            let stream = try await isolated(in: gateway)
            let bound = try await gateway.token(for: "default")
            #expect(try await gateway.ask("GET", "/api/v1/isolated-streams", token: bound).status == 403)
            let restart = "/api/v1/isolated-streams/\(stream)/restart"
            #expect(try await gateway.ask("POST", restart, "{}", token: bound).status == 403)
            #expect(try await gateway.ask("GET", "/api/v1/isolated-streams", token: "").status == 401)
        }
    }
}
