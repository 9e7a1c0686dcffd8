import Logging
import Runtime
import Support
import Testing

@Suite struct `An audit of the log` {
    /// A log of ten commands to two streams, each of them one event, and a snapshot of one of them.
    private func withLog(_ body: @Sendable (PostgresLog) async throws -> Void) async throws {
        try await PostgresLog.with { log in
            let directory = Directory<Tally>(store: log.store, snapshots: log.snapshots)
            for index in 0..<10 { try await directory.send(.add(1), to: index.isMultiple(of: 2) ? "even" : "odd") }
            let memory = try await directory.recall("even")
            await store(memory, in: log)
            try await body(log)
        }
    }

    /// By a store of its own: what the one that runs has taken, it may still be writing.
    private func store(_ memory: AggregateMemory<Tally>, in log: PostgresLog) async {
        let snapshots = PostgresSnapshotStore(
            pool: log.pool, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        snapshots.offer(Self.even, version: 5) { try memory.snapshot(of: Self.even) }
        await snapshots.writeAll()
    }

    private static let even = StreamName(category: "tally", id: "even")

    private func audit(_ log: PostgresLog, sample: Int? = nil) async throws -> LogAudit.Report {
        try await LogAudit(of: log.pool, laws: [FoldLaw(Tally.self)], sample: sample).run { _, _, _ in }
    }

    /// The findings after somebody who may do everything has put the triggers aside and run `sql`.
    private func findings(after sql: String) async throws -> Set<AuditFinding> {
        let found = Found()
        try await withLog { log in
            try await log.tamper(sql)
            await found.set(try await audit(log).findings.first)
        }
        return Set(await found.findings)
    }

    private actor Found {
        var findings: [AuditFinding] = []
        func set(_ findings: [AuditFinding]) { self.findings = findings }
    }

    @Test func `finds nothing in a log as it was stored`() async throws {
        try await withLog { log in
            let report = try await audit(log)
            #expect(report.findings.first.isEmpty)
            #expect((report.head, report.events, report.streams, report.snapshots) == (10, 10, 2, 1))
            #expect(try await audit(log, sample: 0).snapshots == 0)
        }
    }

    @Test func `finds an event that was taken out, in its place and in its stream`() async throws {
        let found = try await findings(after: "delete from events where position = 5")
        #expect(
            found == [
                AuditFinding(.positions, position: 5, "it is missing; the next one is 6"),
                AuditFinding(
                    .versions, stream: "tally-even", version: 4, position: 7, "version 3 belongs here"),
                AuditFinding(
                    .snapshots, stream: "tally-even", version: 5, position: 9,
                    "the snapshot differs from a fold of the events"),
            ])
    }

    @Test func `finds that the tail was cut off`() async throws {
        let found = try await findings(after: "delete from events where position > 8")
        #expect(
            found == [
                AuditFinding(.positions, position: 8, "the last event is here, and the head says 10"),
                AuditFinding(
                    .snapshots, stream: "tally-even", version: 5, "there is a snapshot, but no event of this version"),
            ])
    }

    @Test func `finds a command that was taken in twice, but not one of several events side by side`() async throws {
        let found = try await findings(
            after: """
                delete from snapshots;
                update events set command_id = (select command_id from events where position = 3) where position = 5;
                update events set command_id = (select command_id from events where position = 2) where position = 8
                """)
        #expect(found.map(\.law) == [.commands])
        #expect(found.map(\.stream) == ["tally-odd"])
        #expect(found.map(\.version) == [4])
        #expect(found.map(\.position) == [8])
    }

    @Test func `finds an event that cannot be read and a time that turns back`() async throws {
        let found = try await findings(
            after: """
                delete from snapshots;
                update events set data = '{}' where position = 4;
                update events set recorded_time = '2000-01-01T00:00:00Z' where position = 7
                """)
        #expect(found.contains(AuditFinding(.times, position: 7, "the recorded time turns back")))
        #expect(found.contains { $0.law == .events && $0.stream == "tally-odd" && $0.position == 4 })
        #expect(found.count == 2)
    }

    @Test func `finds a snapshot that is not what its events lead to, and one that is none`() async throws {
        try await withLog { log in
            var memory = AggregateMemory<Tally>()
            for event in try await log.store.readStream(Self.even, from: 1, limit: 10) { try memory.fold(event) }
            memory.state.sum += 1
            await store(memory, in: log)
            #expect(
                try await audit(log).findings.first == [
                    AuditFinding(
                        .snapshots, stream: "tally-even", version: 5, position: 9,
                        "the snapshot differs from a fold of the events")
                ])
            try await log.tamper("update snapshots set data = 'x'")
            #expect(
                try await audit(log).findings.first == [
                    AuditFinding(
                        .snapshots, stream: "tally-even", version: 5, position: 9, "the snapshot cannot be read")
                ])
            try await log.tamper("update snapshots set version = 6")
            #expect(
                try await audit(log).findings.first == [
                    AuditFinding(
                        .snapshots, stream: "tally-even", version: 6,
                        "there is a snapshot, but no event of this version")
                ])
        }
    }

    @Test func `finds nothing in a log that grows meanwhile`() async throws {
        try await withLog { log in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    let directory = Directory<Tally>(store: log.store, snapshots: log.snapshots)
                    var number = 0
                    while !Task.isCancelled {
                        try await directory.send(.add(1), to: "busy-\(number % 7)")
                        number += 1
                    }
                }
                defer { group.cancelAll() }
                try await eventually(within: .seconds(120), "it grows") { try await log.store.head().position > 500 }
                for _ in 0..<10 { #expect(try await audit(log).findings.first.isEmpty) }
            }
        }
    }
}
