import Aggregates
import Logging
import Projections
import Runtime
import Support
import Testing

@Suite struct `An audit of a view` {
    /// Three devices, each with a reading, in a view that has caught up; and a fourth that came later.
    private func withView(_ body: @Sendable (PostgresLog) async throws -> Void) async throws {
        try await PostgresLog.with { log in
            let devices = Directory<Device>(store: log.store, snapshots: log.snapshots)
            for id in ["a", "b", "c"] { try await register(id, devices) }
            let runner = ProjectionRunner(
                DevicesProjection.self, log: log.store, pool: log.pool, logger: Logger(label: "test"))
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await runner.run() }
                defer { group.cancelAll() }
                try await eventually("the view at the head") {
                    try await PostgresFleetQueries(pool: log.pool).projections()
                        .first { $0.name == "devices" }?.position == 6
                }
            }
            try await register("d", devices)
            try await body(log)
        }
    }

    private func register(_ id: String, _ devices: Directory<Device>) async throws {
        let commands: [Device.Command] = [
            .register(
                Registration(
                    serial: "S-\(id)", type: DeviceType("water"), name: "Device \(id)", labels: ["floor": "2"],
                    account: AccountStanding(id: .default, isActive: true))),
            .recordTelemetry(Telemetry(metrics: ["level": .number(0.1)], seq: nil, clock: .device)),
        ]
        for command in commands {
            _ = try await devices.send(
                CommandEnvelope(
                    id: .v7(), command, context: CommandContext(time: .now(), principal: .system, scope: .all)),
                to: id)
        }
    }

    private func audit(_ log: PostgresLog) async throws -> [AuditFinding] {
        let law = try await ViewLaw(DevicesProjection.self, in: log.pool)
        #expect(law.position == 6)
        return try await LogAudit(of: log.pool, laws: [law]).run { _, _, _ in }.findings.first
    }

    @Test func `finds nothing in one that is behind the log`() async throws {
        try await withView { log in
            let found = try await audit(log)
            #expect(found.isEmpty)
        }
    }

    @Test func `names a row that was changed, one that was taken away and one that was put in`() async throws {
        try await withView { log in
            try await log.tamper(
                """
                update devices set telemetry_count = 2 where id = 'a';
                delete from devices where id = 'b';
                update devices set id = 'x' where id = 'c'
                """)
            let found = try await audit(log)
            #expect(
                Set(found) == [
                    AuditFinding(
                        .views, stream: "device-a", version: 2, position: 2,
                        "the row a of the view devices differs from a rebuild"),
                    AuditFinding(
                        .views, stream: "device-b", version: 2, position: 4, "the view devices lacks the row b"),
                    AuditFinding(
                        .views, stream: "device-c", version: 2, position: 6, "the view devices lacks the row c"),
                    AuditFinding(.views, position: 6, "the row x of the view devices comes from no event"),
                ])
        }
    }
}
