import Aggregates
import Foundation
import Gateway
import Runtime
import Support
import Testing
import Workflows

@Suite(.timeLimit(.minutes(5))) struct `A read of personal data` {
    /// What is read, by the path of the route that shows it.
    private func questions(_ place: Place) -> [String: String] {
        let device = "/api/v1/devices/\(place.device)"
        let instant = "2026-11-22T00:00:00Z"
        return [
            "/api/v1/devices": "/api/v1/devices", "/api/v1/devices/{id}": device,
            "/api/v1/devices/{id}/config": "\(device)/config", "/api/v1/devices/{id}/commands": "\(device)/commands",
            "/api/v1/devices/{id}/commands/{command}": "\(device)/commands/\(place.command)",
            "/api/v1/devices/{id}/diff": "\(device)/diff?from=\(instant)",
            "/api/v1/devices/{id}/states": "\(device)/states",
            "/api/v1/devices/{id}/rolling": "\(device)/rolling?metric=temperature",
            "/api/v1/metrics/{metric}": "/api/v1/metrics/temperature?device_id=\(place.device)",
            "/api/v1/accounts": "/api/v1/accounts", "/api/v1/accounts/{id}": "/api/v1/accounts/default",
            "/api/v1/accounts/{id}/diff": "/api/v1/accounts/default/diff?from=\(instant)",
            "/api/v1/accounts/{id}/settings": "/api/v1/accounts/default/settings",
            "/api/v1/accounts/{id}/mailboxes": "/api/v1/accounts/default/mailboxes",
            "/api/v1/accounts/{id}/mailboxes/{name}": "/api/v1/accounts/default/mailboxes/ops",
            "/api/v1/alerts": "/api/v1/alerts", "/api/v1/alerts/{id}": "/api/v1/alerts/a-1",
            "/api/v1/dashboard/alerts": "/api/v1/dashboard/alerts",
            "/api/v1/fleet/diff": "/api/v1/fleet/diff?from=\(instant)",
            "/api/v1/notifications": "/api/v1/notifications",
            "/api/v1/notifications/{id}": "/api/v1/notifications/\(place.notification)",
            "/api/v1/events": "/api/v1/events", "/api/v1/events/{id}": "/api/v1/events/\(place.event)",
            "/api/v1/events/{id}/chain": "/api/v1/events/\(place.event)/chain",
            "/api/v1/streams": "/api/v1/streams",
            "/api/v1/streams/{stream}/events": "/api/v1/streams/device-\(place.device)/events",
            "/api/v1/activity": "/api/v1/activity", "/api/v1/audit/export": "/api/v1/audit/export",
            "/api/v1/projections/{name}": "/api/v1/projections/devices",
        ]
    }

    /// Routes that answer with counts, ids and technical things.
    private let impersonal: Set<String> = [
        "/api/v1/audit/consistency", "/api/v1/audit/heads", "/api/v1/audit/heads/latest", "/api/v1/audit/proof",
        "/api/v1/accounts/{id}/claim-codes", "/api/v1/accounts/{id}/device-types",
        "/api/v1/accounts/{id}/device-types/{name}", "/api/v1/dashboard/devices", "/api/v1/dashboard/metrics",
        "/api/v1/devices/{id}/credentials", "/api/v1/devices/{id}/limits", "/api/v1/fleet",
        "/api/v1/isolated-streams", "/api/v1/projections", "/api/v1/rollouts",
        "/api/v1/rollouts/{id}", "/api/v1/rollouts/{id}/devices", "/api/v1/rollouts/{id}/diff", "/api/v1/session",
        "/api/v1/streams/{stream}", "/api/v1/workflows", "/api/v1/workflows/{name}/stopped",
    ]

    private struct Place: Sendable {
        var device: String
        var command: String
        var event: String
        var notification: UUID128
    }

    /// Something of each kind, in the account `default`.
    private func furnished(_ gateway: TestGateway, _ ledger: OneNotification) async throws -> Place {
        let device = try await gateway.register()
        try await gateway.record(21, for: device)
        let ordered = try await gateway.ask("POST", "/api/v1/devices/\(device)/commands", #"{"name":"turn"}"#)
        _ = try await gateway.ask(
            "PUT", "/api/v1/accounts/default/mailboxes/ops",
            #"{"channel":"email","address":"ada@example.com","severity":"warning"}"#)
        try await gateway.raise("a-1", device: device)
        _ = try await gateway.ask("POST", "/api/v1/projections/devices/rebuild")
        let events = try await gateway.store.readLog(after: 0, where: .everything, limit: 10).events
        return Place(
            device: device, command: try #require(ordered[text: "id"]),
            event: "\(try #require(events.first { $0.stream.category == "device" }).id)", notification: ledger.id)
    }

    private func reads(_ gateway: TestGateway, _ account: String = "default") async throws -> [RecordedEvent] {
        let stream = try #require(StreamName("access-\(account)"))
        return try await gateway.store.readStream(stream, from: 1, limit: 1_000)
    }

    @Test func `is in the log before it is answered, whatever the route, and once only`() async throws {
        let ledger = OneNotification()
        try await TestGateway.with(ledger: ledger, recordsReads: true) { gateway in
            let questions = questions(try await furnished(gateway, ledger))
            let routes = gateway.gateway.routes.filter { $0.methodName == "GET" && $0.path.hasPrefix("/api/v1/") }
            for route in routes {
                guard let data = route.shownData else {
                    #expect(impersonal.contains(route.path), "\(route.path) shows nobody's data?")
                    continue
                }
                let question = try #require(questions[route.path], "\(route.path) shows data, and is not asked here")
                let reader = try await gateway.tokens.createToken(named: route.path, role: .reader)
                let before = try await reads(gateway).count
                for _ in 0..<3 {
                    let reply = try await gateway.ask("GET", question, token: reader)
                    #expect(reply.status == 200, "\(question): \(reply)")
                }
                let added = try await reads(gateway).dropFirst(before)
                #expect(added.count == 1, "\(question): \(added.map { String(decoding: $0.data, as: UTF8.self) })")
                let event = try #require(added.first)
                #expect(event.type == "PersonalDataRead" && event.metadata.account == .default)
                #expect(event.metadata.correlationID != nil)
                #expect(try AccessStreams.codec.decode(event).data == data)
                let payload = String(decoding: event.data, as: UTF8.self)
                #expect(!payload.contains("ada@example.com") && !payload.contains("s-1"))
            }
            #expect(Set(routes.map(\.path)).isSuperset(of: questions.keys))
        }
    }

    @Test func `names the one thing that was read, and who read it`() async throws {
        try await TestGateway.with(recordsReads: true) { gateway in
            let id = try await gateway.register()
            _ = try await gateway.ask("GET", "/api/v1/devices/\(id)")
            let event = try #require(try await reads(gateway).first)
            #expect(event.metadata.principal == .user("admin"))
            #expect(String(decoding: event.data, as: UTF8.self) == #"{"data":"device","subject":"device-\#(id)"}"#)
        }
    }

    @Test func `is not answered while the log takes nothing, unless it is recorded of late`() async throws {
        let store = RefusingStore()
        try await TestGateway.with(store: store, recordsReads: true) { gateway in
            let (first, second) = (try await gateway.register(), try await gateway.register("s-2"))
            #expect(try await gateway.ask("GET", "/api/v1/devices/\(first)").status == 200)
            store.refuse(with: .overloaded)
            #expect(try await gateway.ask("GET", "/api/v1/devices/\(first)").status == 200)
            let refused = try await gateway.ask("GET", "/api/v1/devices/\(second)")
            #expect(refused.status == 503 && refused.isProblem && !refused.body.contains("s-2"))
            #expect(refused.headers["retry-after"] == "1")
            #expect(try await gateway.ask("GET", "/api/v1/fleet").status == 200)
            store.refuse(with: nil)
            #expect(try await gateway.ask("GET", "/api/v1/devices/\(second)").status == 200)
        }
    }

    @Test func `that is denied, or shows nothing, leaves no event`() async throws {
        try await TestGateway.with(recordsReads: true) { gateway in
            try await gateway.open("north")
            let id = try await gateway.register()
            let foreign = try await gateway.token(.reader, for: "north")
            for path in ["/api/v1/devices/\(id)", "/api/v1/devices/none", "/api/v1/accounts/default/mailboxes"] {
                #expect(try await gateway.ask("GET", path, token: foreign).status == 404)
            }
            #expect(try await gateway.ask("GET", "/api/v1/devices", token: foreign).items.isEmpty)
            #expect(try await gateway.ask("GET", "/api/v1/devices/\(id)", token: "wrong").status == 401)
            let owner = try await gateway.token(.reader, for: "default")
            let held = try await gateway.ask("GET", "/api/v1/devices/\(id)", ["If-None-Match": "\"1\""], token: owner)
            #expect(held.status == 304)
            #expect(try await reads(gateway).isEmpty)
            #expect(try await reads(gateway, "north").isEmpty)
        }
    }

    @Test func `is seen by the people of the account, and not by others`() async throws {
        try await TestGateway.with(recordsReads: true) { gateway in
            try await gateway.open("north")
            _ = try await gateway.register()
            _ = try await gateway.register("n-1", account: "north")
            #expect(try await gateway.ask("GET", "/api/v1/devices").items.count == 2)
            for (account, other) in [("default", "north"), ("north", "default")] {
                let token = try await gateway.token(.reader, for: account)
                let own = try await gateway.ask("GET", "/api/v1/streams/access-\(account)/events", token: token)
                let metadata = try #require(own.items.first?["metadata"] as? [String: Any])
                #expect(metadata["principal"] as? String == "user:admin")
                let path = "/api/v1/streams/access-\(other)/events"
                #expect(try await gateway.ask("GET", path, token: token).status == 404)
                let acts = try await gateway.ask(
                    "GET", "/api/v1/activity?reads=true&principal=user:admin", token: token)
                #expect(acts.items.compactMap { $0["stream"] as? String } == ["access-\(account)"])
                let others = try await gateway.ask("GET", "/api/v1/activity", token: token)
                #expect(others.items.compactMap { $0["type"] as? String } == ["DeviceRegistered"])
            }
            let wrong = try await gateway.ask("GET", "/api/v1/activity?reads=perhaps")
            #expect(wrong.status == 400 && wrong[text: "field"] == "reads")
        }
    }

    @Test func `that goes on as the log grows is recorded account by account`() async throws {
        try await TestGateway.with(recordsReads: true) { gateway in
            try await gateway.open("north")
            let stream = try await EventStream(gateway, "/api/v1/events?after=2")
            _ = try await gateway.register("n-1", account: "north")
            #expect(try await stream.next().data.contains("n-1"))
            #expect(try await reads(gateway, "north").count == 1)
            #expect(try await reads(gateway).isEmpty)
            // The event about the reading comes along, and makes none about itself.
            #expect(try await stream.next().data.contains("PersonalDataRead"))
            _ = try await gateway.register("n-2", account: "north")
            #expect(try await stream.next().data.contains("n-2"))
            #expect(try await reads(gateway, "north").count == 1)
        }
    }
}

/// The ledger of one notification of the account `default`.
private struct OneNotification: NotificationLedger {
    let id = UUID128.v7()

    private var row: NotificationRow {
        NotificationRow(
            id: id,
            notification: Workflows.Notification(
                account: .default, severity: .warning, type: "fleetlog.test.v1", subject: "device/x", title: "Too hot",
                text: "61 °C"),
            cause: NotificationCause(workflow: "overheating", key: "x", event: nil, timer: nil), createdTime: .now(),
            dispatchedTime: nil)
    }

    func notifications(
        scope: AccountScope, after: NotificationPlace?, limit: Int
    ) async throws(LedgerError) -> [NotificationRow] { scope.includes(.default) ? [row] : [] }

    func notifications(
        causedBy events: [UUID128], scope: AccountScope, limit: Int
    ) async throws(LedgerError) -> [NotificationRow] { [] }

    func notification(_ id: UUID128, scope: AccountScope) async throws(LedgerError) -> NotificationRow? {
        id == self.id && scope.includes(.default) ? row : nil
    }

    func deliveries(of id: UUID128) async throws(LedgerError) -> [DeliveryRow] { [] }

    func redeliver(
        _ id: UUID128, to mailbox: String, command: UUID128, by principal: Principal, at time: Timestamp
    ) async throws(LedgerError) -> Bool { false }
}
