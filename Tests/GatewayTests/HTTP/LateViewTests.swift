import Foundation
import Runtime
import Synchronization
import Testing

/// What the log has and the views do not have yet.
@Suite(.timeLimit(.minutes(5))) struct `A view that comes late` {
    /// Reads with views that have come to each position in turn. What was answered once is never taken back.
    private func expectOnlyForward(_ path: String, versions: [String], _ gateway: TestGateway) async throws {
        let head = try await gateway.store.head().position
        var seen: [String] = []
        for end in 0...head {
            gateway.queries.end.withLock { $0 = end }
            let reply = try await gateway.ask("GET", path)
            #expect(reply.status == 200, "\(path) with views through \(end): \(reply)")
            let version = reply.headers["etag"]?.replacing("\"", with: "") ?? "none"
            if seen.last != version { seen.append(version) }
        }
        #expect(seen == versions, "\(path)")
        gateway.queries.end.withLock { $0 = .max }
    }

    @Test func `shows a device as it was registered, then what has become of it`() async throws {
        try await TestGateway.with { gateway in
            let id = try await gateway.register()
            try await gateway.record(21, for: id)
            try await gateway.record(22, for: id)
            try await expectOnlyForward("/api/v1/devices/\(id)", versions: ["1", "2", "3"], gateway)
        }
    }

    @Test func `shows an account as it was opened, then what has become of it`() async throws {
        try await TestGateway.with { gateway in
            try await gateway.open("north")
            _ = try await gateway.ask("PATCH", "/api/v1/accounts/north", #"{"name":"N"}"#)
            _ = try await gateway.ask("POST", "/api/v1/accounts/north/deactivate")
            try await expectOnlyForward("/api/v1/accounts/north", versions: ["1", "2", "3"], gateway)
        }
    }

    @Test func `shows an alert as it was raised, then what has become of it`() async throws {
        try await TestGateway.with { gateway in
            try await gateway.raise("a-1")
            _ = try await gateway.ask("POST", "/api/v1/alerts/a-1/acknowledge")
            try await gateway.clear("a-1")
            try await expectOnlyForward("/api/v1/alerts/a-1", versions: ["1", "2", "3"], gateway)
        }
    }

    @Test func `shows a rollout as it was created, then what has become of it`() async throws {
        try await TestGateway.with { gateway in
            _ = try await gateway.register()
            let created = try await gateway.create(#""type":"smoke""#)
            let id = try #require(created[text: "id"])
            let stopped = try await gateway.ask("POST", "/api/v1/rollouts/\(id)/abort", "{}")
            #expect(stopped.status == 200, "\(stopped)")
            try await expectOnlyForward("/api/v1/rollouts/\(id)", versions: ["1", "2", "3"], gateway)
        }
    }

    /// What an account may see is decided by what the answer shows, also where the log knows better.
    @Test func `tells the old account of a device until it knows of the new one`() async throws {
        try await TestGateway.with { gateway in
            try await gateway.open("north")
            let id = try await gateway.register()
            let moved = try await gateway.ask("PATCH", "/api/v1/devices/\(id)", #"{"account":"north"}"#)
            #expect(moved.status == 200)
            let (old, new) = (try await gateway.token(for: "default"), try await gateway.token(for: "north"))
            for (end, seen) in [(0, [200, 404]), (Int64.max, [404, 200])] {
                gateway.queries.end.withLock { $0 = end }
                var statuses: [Int] = []
                for token in [old, new] {
                    statuses.append(try await gateway.ask("GET", "/api/v1/devices/\(id)", [:], token: token).status)
                }
                #expect(statuses == seen, "views through \(end)")
            }
        }
    }
}
