import Aggregates
import Gateway
import Runtime
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(2))) struct `A write while the log takes nothing` {
    /// Method, path, body. Sessions write nothing to the log; notifications lie elsewhere.
    private func writes(
        device: String, kept: String, command: String, claim: (id: String, code: String), rollout: String
    ) -> [(String, String, String?)] {
        let (mailbox, view) = ("/api/v1/accounts/default/mailboxes", "/api/v1/projections/devices")
        let hook = #"{"channel":"webhook","url":"https://example.com/a","severity":"warning"}"#
        return [
            ("POST", "/api/v1/devices", #"{"serial":"s-9","type":"smoke"}"#),
            ("POST", "/api/v1/devices/batch", #"{"devices":[{"serial":"s-8","type":"smoke"}]}"#),
            ("PATCH", "/api/v1/devices/\(device)", #"{"name":"other"}"#),
            ("POST", "/api/v1/devices/\(device)/quarantine", #"{"reason":"odd"}"#),
            ("POST", "/api/v1/devices/\(kept)/release", nil), ("POST", "/api/v1/devices/\(device)/retire", nil),
            ("POST", "/api/v1/accounts/default/claim-codes", #"{"uses":1,"expires":"2027-01-01T00:00:00Z"}"#),
            ("DELETE", "/api/v1/accounts/default/claim-codes/\(claim.id)", nil),
            ("POST", "/api/v1/claims", #"{"code":"\#(claim.code)","serial":"s-7","type":"smoke"}"#),
            ("POST", "/api/v1/accounts", #"{"id":"north","name":"North"}"#),
            ("PATCH", "/api/v1/accounts/default", #"{"name":"N"}"#),
            ("POST", "/api/v1/accounts/default/deactivate", nil),
            ("POST", "/api/v1/accounts/idle/activate", nil),
            ("POST", "/api/v1/accounts/default/close", nil),
            ("PUT", "/api/v1/accounts/default/settings", #"{"overheating":{"limit":40}}"#),
            ("PUT", "/api/v1/accounts/default/device-types/oven", #"{"metrics":{}}"#),
            ("PUT", "\(mailbox)/ops", hook), ("DELETE", "\(mailbox)/old", nil),
            ("PUT", "/api/v1/devices/\(device)/config", #"{"interval":60}"#),
            ("POST", "/api/v1/devices/\(device)/commands", #"{"name":"turn"}"#),
            ("POST", "/api/v1/devices/\(device)/commands/\(command)/cancel", nil),
            ("POST", "/api/v1/devices/\(device)/credentials", nil),
            ("POST", "/api/v1/devices/\(device)/credentials/rotate", nil),
            ("DELETE", "/api/v1/devices/\(device)/credentials/1", nil),
            ("POST", "/api/v1/alerts/a-1/acknowledge", nil),
            (
                "POST", "/api/v1/rollouts",
                """
                {"version":"2.0","artifact":{"url":"https://f.example/2.bin",
                "sha256":"\(String(repeating: "0f", count: 32))"},"type":"smoke",
                "groupSize":2,"successThreshold":80,"errorThreshold":20}
                """
            ),
            ("POST", "/api/v1/rollouts/\(rollout)/pause", nil), ("POST", "/api/v1/rollouts/\(rollout)/abort", nil),
            ("POST", "\(view)/rebuild", nil), ("POST", "\(view)/rebuild/pause", nil),
            ("POST", "\(view)/rebuild/resume", nil), ("POST", "\(view)/rebuild/cancel", nil),
            ("POST", "\(view)/swap-back", nil), ("POST", "\(view)/drop-previous", nil),
            ("POST", "\(view)/pause", nil), ("POST", "\(view)/resume", nil),
            ("POST", "/api/v1/workflows/overheating/stopped/k3x/retry", nil),
            ("POST", "/api/v1/isolated-streams/device-k3x/restart", nil),
        ]
    }

    @Test func `says where it is in the log, whatever it is, as long as that takes it`() async throws {
        try await TestGateway.with { gateway in
            let (device, kept) = (try await gateway.register(), try await gateway.register("s-2"))
            _ = try await gateway.ask("POST", "/api/v1/devices/\(kept)/quarantine", #"{"reason":"odd"}"#)
            let made = try await gateway.ask(
                "POST", "/api/v1/accounts/default/claim-codes", #"{"uses":1,"expires":"2027-01-01T00:00:00Z"}"#)
            let claim = (id: try #require(made[text: "id"]), code: try #require(made[text: "code"]))
            let ordered = try await gateway.ask("POST", "/api/v1/devices/\(device)/commands", #"{"name":"turn"}"#)
            try await gateway.raise("a-1")
            let writes = writes(
                device: device, kept: kept, command: try #require(ordered[text: "id"]), claim: claim, rollout: "none")
            var accepted = 0
            for (method, path, body) in writes where !path.hasSuffix("default/close") {
                let reply = try await gateway.ask(method, path, body)
                guard (200..<300).contains(reply.status) else { continue }
                accepted += 1
                let position = reply.headers["fleetlog-position"].flatMap { Int64($0) } ?? 0
                #expect(position > 0, "\(method) \(path): \(reply)")
            }
            #expect(accepted >= 15)
        }
    }

    @Test(arguments: [(EventStoreError.overloaded, "1"), (.unavailable(reason: "internals of ours"), "5")])
    func `is answered with 503 and when to come back, whatever it is`(
        _ error: EventStoreError, _ seconds: String
    ) async throws {
        let store = RefusingStore()
        try await TestGateway.with(store: store) { gateway in
            let (device, kept) = (try await gateway.register(), try await gateway.register("s-2"))
            _ = try await gateway.ask("POST", "/api/v1/devices/\(kept)/quarantine", #"{"reason":"odd"}"#)
            let made = try await gateway.ask(
                "POST", "/api/v1/accounts/default/claim-codes", #"{"uses":1,"expires":"2027-01-01T00:00:00Z"}"#)
            let claim = (id: try #require(made[text: "id"]), code: try #require(made[text: "code"]))
            let ordered = try await gateway.ask("POST", "/api/v1/devices/\(device)/commands", #"{"name":"turn"}"#)
            let command = try #require(ordered[text: "id"])
            try await gateway.raise("a-1")
            try await gateway.open("idle")
            _ = try await gateway.ask("POST", "/api/v1/accounts/idle/deactivate")
            let old = #"{"channel":"webhook","url":"https://example.com/a","severity":"warning"}"#
            _ = try await gateway.ask("PUT", "/api/v1/accounts/default/mailboxes/old", old)
            let writes = writes(device: device, kept: kept, command: command, claim: claim, rollout: "none")
            let creation = try #require(writes.first { $0.1 == "/api/v1/rollouts" })
            let rollout = try #require(try await gateway.ask(creation.0, creation.1, creation.2)[text: "id"])
            store.refuse(with: error)
            for (method, path, body) in self.writes(
                device: device, kept: kept, command: command, claim: claim, rollout: rollout)
            {
                let reply = try await gateway.ask(method, path, body)
                #expect(reply.status == 503 && reply.isProblem, "\(method) \(path): \(reply)")
                #expect(reply.headers["retry-after"] == seconds, "\(method) \(path)")
                #expect(!reply.body.contains("internals"))
            }
            // All of them, and none that came later without a line above.
            // Readings come with a device's key: see the tests of telemetry by HTTP.
            let others = ["/v1/events", "/session", "/redeliver", "{id}/resume"]
            let routes = gateway.gateway.routes.filter { route in
                !["GET", "HEAD"].contains(route.methodName) && !others.contains { route.path.hasSuffix($0) }
            }
            #expect(routes.count == writes.count, "\(routes.map { "\($0.methodName) \($0.path)" })")
        }
    }
}

/// A log in memory that refuses every append from a moment on.
final class RefusingStore: EventStore {
    private let inner = InMemoryEventStore()
    private let refusal = Mutex<EventStoreError?>(nil)

    var signal: LogSignal { inner.signal }

    func refuse(with error: EventStoreError?) { refusal.withLock { $0 = error } }

    func append(_ append: Append) async throws(EventStoreError) -> AppendOutcome {
        if let error = refusal.withLock({ $0 }) { throw error }
        return try await inner.append(append)
    }

    func readStream(
        _ stream: StreamName, from version: Int64, after position: Int64, limit: Int
    ) async throws(EventStoreError) -> [RecordedEvent] {
        try await inner.readStream(stream, from: version, after: position, limit: limit)
    }

    func acceptances(of commands: [UUID128]) async throws(EventStoreError) -> [RecordedAcceptance] {
        try await inner.acceptances(of: commands)
    }

    func readLog(after position: Int64, where filter: LogFilter, limit: Int) async throws(EventStoreError) -> LogPage {
        try await inner.readLog(after: position, where: filter, limit: limit)
    }

    func head() async throws(EventStoreError) -> LogHead { try await inner.head() }
}
