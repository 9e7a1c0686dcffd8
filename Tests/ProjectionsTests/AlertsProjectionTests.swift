import Aggregates
import Logging
import Projections
import Runtime
import Support
import Testing

private let other = AccountID("other")

/// Alerts that a test raises and clears through their actors.
private struct Alarms {
    let log: PostgresLog
    let alerts: Directory<Alert>
    let queries: PostgresFleetQueries

    init(_ log: PostgresLog) {
        self.log = log
        alerts = Directory(store: log.store, snapshots: log.snapshots)
        queries = PostgresFleetQueries(pool: log.pool)
    }

    func send(_ command: Alert.Command, to id: String, by principal: Principal = .workflow("silence")) async throws {
        _ = try await alerts.send(
            CommandEnvelope(
                id: .v7(), command, context: CommandContext(time: .now(), principal: principal, scope: .all)), to: id)
    }

    func raise(_ id: String, device: String = "d-1", account: AccountID = .default) async throws {
        try await send(
            .raise(
                AlertRaised(
                    account: account, device: device, kind: "silence", severity: .warning, title: "\(device) is silent",
                    text: "Nothing has been heard of it.")), to: id)
    }

    /// Runs the projection until the view has reached the head of the log.
    func withLiveView(_ body: @Sendable () async throws -> Void) async throws {
        let runner = ProjectionRunner(
            AlertsProjection.self, log: log.store, pool: log.pool, logger: Logger(label: "test"))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await runner.run() }
            defer { group.cancelAll() }
            try await body()
            let head = try await log.store.head().position
            try await eventually("the view at the head") {
                try await queries.projections().first { $0.name == "alerts" }?.position ?? 0 >= head
            }
        }
    }

    func ids(
        state: Alert.Status? = nil, device: String? = nil, scope: AccountScope = .all, after place: AlertPlace? = nil,
        limit: Int = 100
    ) async throws -> [String] {
        try await queries.alerts(
            AlertFilter(state: state, device: device), scope: scope, after: place, limit: limit
        ).map(\.id)
    }
}

@Suite struct `The view of alerts` {
    @Test func `is counted by state and severity, as far as it is not cleared`() async throws {
        try await PostgresLog.with { log in
            let alarms = Alarms(log)
            try await alarms.withLiveView {
                for id in ["a", "b", "c", "d"] { try await alarms.raise(id) }
                try await alarms.raise("e", account: other)
                try await alarms.send(.acknowledge(note: ""), to: "b")
                try await alarms.send(.clear(reason: "calm"), to: "c")
            }
            #expect(
                Set(try await alarms.queries.alertCounts()) == [
                    AlertCount(account: .default, state: .open, severity: .warning, alerts: 2),
                    AlertCount(account: .default, state: .acknowledged, severity: .warning, alerts: 1),
                    AlertCount(account: other, state: .open, severity: .warning, alerts: 1),
                ])
        }
    }

    @Test func `shows what is wrong, who saw to it, and why it is over`() async throws {
        try await PostgresLog.with { log in
            let alarms = Alarms(log)
            try await alarms.withLiveView {
                try await alarms.raise("a")
                try await alarms.send(.acknowledge(note: "on my way"), to: "a", by: .user("ada"))
                try await alarms.send(.clear(reason: "It was heard."), to: "a")
                try await alarms.raise("b")
            }
            let events = try await log.store.readStream(StreamName(category: "alert", id: "a"), from: 1, limit: 9)
            let row = try #require(try await alarms.queries.alert("a", scope: .all))
            #expect(
                row
                    == AlertRow(
                        id: "a", account: .default, device: "d-1", kind: "silence", severity: .warning,
                        title: "d-1 is silent", text: "Nothing has been heard of it.", state: .cleared,
                        raisedTime: events[0].recordedTime, acknowledgedTime: events[1].recordedTime,
                        acknowledgedBy: .user("ada"), note: "on my way", clearedTime: events[2].recordedTime,
                        reason: "It was heard.", version: 3))
            let open = try #require(try await alarms.queries.alert("b", scope: .all))
            #expect(open.state == .open && open.acknowledgedBy == nil && open.note == nil && open.clearedTime == nil)
        }
    }

    @Test func `lists newest first, by state, device and account, and goes on after a place`() async throws {
        try await PostgresLog.with { log in
            let alarms = Alarms(log)
            try await alarms.withLiveView {
                for id in ["a", "b", "c"] { try await alarms.raise(id) }
                try await alarms.raise("d", device: "d-2", account: other)
                try await alarms.send(.clear(reason: ""), to: "b")
            }
            #expect(try await alarms.ids() == ["d", "c", "b", "a"])
            #expect(try await alarms.ids(state: .open) == ["d", "c", "a"])
            #expect(try await alarms.ids(state: .cleared, device: "d-1") == ["b"])
            #expect(try await alarms.ids(scope: .only(other)) == ["d"])
            #expect(try await alarms.ids(state: .open, device: "d-1", scope: .only(other)) == [])
            let place = try #require(
                try await alarms.queries.alerts(AlertFilter(), scope: .all, after: nil, limit: 2).last?.place)
            #expect(try await alarms.ids(after: place) == ["b", "a"])
            #expect(try await alarms.ids(state: .open, device: "d-1", scope: .only(.default), after: place) == ["a"])
            #expect(try await alarms.queries.alert("a", scope: .only(other)) == nil)
        }
    }

    @Test func `is the same after a rebuild, and mended by one`() async throws {
        try await PostgresLog.with { log in
            let alarms = Alarms(log)
            try await alarms.withLiveView {
                for number in 0..<20 { try await alarms.raise("a\(number)") }
                for number in 0..<10 { try await alarms.send(.clear(reason: "over"), to: "a\(number)") }
            }
            let comparison = try await log.rebuild("alerts").comparison
            #expect(comparison?.isIdentical == true && comparison?.nextRows == 20)
            let spoil = Statement("spoil", "update alerts set state = 'open'", effect: .writes)
            _ = try await log.pool.withConnection { try await $0.query(spoil()) }
            #expect(try await log.rebuild("alerts").comparison?.isIdentical == false)
            #expect(try await alarms.ids(state: .open).count == 10)
        }
    }
}
