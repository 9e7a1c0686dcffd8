import Projections
import Runtime
import Support
import Testing

@Suite struct `What the views have yet to see` {
    @Test func `is told of each view, each open rebuild and each entity that is stuck`() async throws {
        try await PostgresLog.with { log in
            try await log.asSuperuser(
                """
                update checkpoints set position = 90;
                update checkpoints set position = 70 where projection = 'telemetry';
                insert into checkpoints (projection, generation, position)
                    values ('devices', 2, 40), ('alerts', 2, 30), ('states', 2, 20);
                insert into rebuilds (projection, generation, kind, cause, definition, asked_by, state) values
                    ('devices', 2, 'rebuild', 'request', 1, 'test', 'paused'),
                    ('alerts', 2, 'rebuild', 'request', 1, 'test', 'cancelled');
                insert into stuck_entities (projection, generation, entity, position, version, event_type, reason) values
                    ('devices', 1, 'a', 11, 1, 'DeviceRegistered', 'test'),
                    ('devices', 2, 'b', 12, 1, 'DeviceRegistered', 'test')
                """)
            let readers = try await ViewReaders.all(log.pool)
            let behind = readers.filter { $0.position < 90 }
            #expect(
                Set(behind) == [
                    LogReader("the view telemetry", at: 70), LogReader("the rebuild of devices", at: 40),
                    LogReader("a, stuck in the view devices", at: 10),
                ])
            #expect(readers.contains(LogReader("the view devices", at: 90)))
        }
    }
}
