import Foundation
import Installation
import Runtime
import Support
import Testing

extension EndToEnd {
    @Suite(.timeLimit(.minutes(3))) struct `Old telemetry that leaves` {
        /// Each after what the ones before have left; the first two concern events without a class.
        static let deaths: [(point: Failpoint, count: Int)] = [
            (.retentionFloorsRaised, 1), (.retentionDeleted, 1), (.retentionAnnounced, 1), (.retentionDetached, 1),
            (.retentionFinished, 1), (.retentionFloorsRaised, 2),
        ]

        @Test func `takes nothing else along, though the command is killed between any two of its steps`() async throws
        {
            try await TestedSystem.with { system in
                let ids = try await Self.prepare(system)
                let server = try await system.start("beside")
                let api = system.api(server)
                try await Self.report(51...200, of: ids, system)
                try await system.viewsCaughtUp()
                var devices: [API.Device] = []
                for id in ids { devices.append(try await api.device(id)) }
                let states = try await Self.states(of: devices, api)
                let log = try await LogBefore(system)
                guard try await Self.retain(system, ["--dry-run"]).text.contains("would leave the log") else {
                    throw Wrong("the dry run does not say what would leave")
                }
                let unasked = try await Self.retain(system, [])
                guard unasked.ending == .exited(1), unasked.text.contains("Nothing was done.") else {
                    throw Wrong("nobody was there to agree: \(unasked.ending) \(unasked.text)")
                }
                try await log.isWhole(in: system)

                for death in Self.deaths {
                    do {
                        try await Self.die(at: death.point, death.count, system)
                        try await log.isKept(in: system)
                        try await Checker(system: system).logIsSound()
                        try await Self.expect(states, of: devices, api)
                    } catch {
                        throw Wrong("killed at \(death.point) for the \(death.count). time: \(error)")
                    }
                }
                let last = try await Self.retain(system, ["--yes"])
                guard last.succeeded, last.text.contains("events have left the log.") else {
                    throw Wrong("the last run ended with \(last.ending): \(last.text)\(last.errors)")
                }
                try await log.isKept(in: system)
                try await log.hasLeft(in: system)
                let audit = try await Executable.run(["audit", "--database-url", system.database.serverURL])
                for view in ["telemetry", "states"] {
                    guard audit.contains("View \(view): "), audit.contains("of 3 devices compared"),
                        audit.split(separator: "\n").contains(where: {
                            $0.hasPrefix("View \(view): ") && $0.contains("Telemetry of 3 of them has left the log")
                        })
                    else { throw Wrong("the audit does not say of \(view) that telemetry has left: \(audit)") }
                }
                let idle = try await Self.retain(system, ["--yes"])
                guard idle.succeeded, idle.text.contains("Nothing to do.") else { throw Wrong("again: \(idle.text)") }

                try await Self.expect(states, of: devices, api)
                let past = try await api.send("GET", "/api/v1/devices/\(devices[0].id)?version=2")
                guard past.status == 410, past.text.contains("urn:fleetlog:problem:retained") else {
                    throw Wrong("a past that has left is answered \(past.status) \(past.text)")
                }
                for path in ["/api/v1/devices?asOf=5", "/api/v1/fleet?asOf=5"] {
                    let fleet = try await api.send("GET", path)
                    guard fleet.status == 410, fleet.text.contains("urn:fleetlog:problem:retained") else {
                        throw Wrong("\(path) after retention is answered \(fleet.status) \(fleet.text)")
                    }
                }
                await server.kill()
                // Whose actors know nothing yet.
                let next = system.api(try await system.start("next"))
                for device in devices {
                    let renamed: API.Device = try await next.rename(device.id, "renamed").value()
                    guard renamed.telemetryCount == device.telemetryCount, renamed.version == device.version + 1 else {
                        throw Wrong("its actor counts \(renamed.telemetryCount) at version \(renamed.version)")
                    }
                }
                try await Checker(system: system).logIsSound()
            }
        }

        @Test func `waits for a view that stands still, whose rows are whole when it goes on`() async throws {
            try await TestedSystem.with { system in
                let ids = try await Self.prepare(system)
                let api = system.api(try await system.start("beside"))
                try await system.viewsCaughtUp()
                let view = "/api/v1/projections/telemetry"
                let paused = try await api.send("POST", "\(view)/pause", #"{"reason":"lunch"}"#)
                guard paused.status == 200 else { throw Wrong("pausing is answered \(paused.status) \(paused.text)") }
                try await Self.report(51...200, of: ids, system)
                let held = try await Self.retain(system, ["--yes"])
                guard held.succeeded, held.text.contains("not seen yet by the view telemetry") else {
                    throw Wrong("retention beside a paused view: \(held.text)\(held.errors)")
                }
                let resumed = try await api.send("POST", "\(view)/resume", "{}")
                guard resumed.status == 200 else { throw Wrong("resuming is answered \(resumed.status)") }
                try await system.viewsCaughtUp()
                let counted = try await system.number(
                    "readings in windows", "select sum(count)::int8 from telemetry_windows where length = 3600")
                guard counted == ids.count * 200 else { throw Wrong("the view has \(counted) readings") }
                let free = try await Self.retain(system, ["--yes"])
                guard free.succeeded, free.text.contains("events have left the log."),
                    !free.text.contains("not seen yet")
                else { throw Wrong("retention behind the view: \(free.text)\(free.errors)") }
                try await Checker(system: system).logIsSound()
            }
        }

        /// 150 readings of three devices, stored as they were before events had a class, and a log that goes on from
        /// there in partitions of 100 positions.
        private static func prepare(_ system: TestedSystem) async throws -> [String] {
            let server = try await system.start("before")
            var ids: [String] = []
            for number in 1...3 { ids.append(try await system.api(server).register("thermometer-\(number)").id) }
            try await report(1...50, of: ids, system)
            await server.kill()
            try await system.serversAreDisconnected()
            try await PostgresLog.with(system.database) { log in
                try await log.asSuperuser(
                    """
                    create table events_mixed (like events including defaults including constraints,
                        unique (position), unique (stream, version), unique (id));
                    create trigger events_no_truncate before truncate on events_mixed
                        for each statement execute function refuse_to_change_history();
                    alter table events attach partition events_mixed for values in (2);
                    alter table log_partition_sizes drop constraint log_partition_sizes_positions_check
                    """)
                try await log.tamper("update events set class = 2")
                try await log.usePartitions(of: 100)
            }
            return ids
        }

        private static func report(_ numbers: ClosedRange<Int>, of ids: [String], _ system: TestedSystem) async throws {
            let thermometers = try await system.connectAsGateway()
            for start in stride(from: numbers.lowerBound, through: numbers.upperBound, by: 50) {
                for id in ids {
                    let readings = (start..<start + 50).map { #"{"seq":\#($0),"temperature":20}"# }
                    let payload = Array("[\(readings.joined(separator: ","))]".utf8)
                    let reason = try await thermometers.deliver(payload, to: "devices/\(id)/telemetry")
                    guard reason == 0 else { throw Wrong("readings were answered \(reason)") }
                }
            }
            try await eventually("the readings are stored") {
                try await system.readings == ids.count * numbers.upperBound
            }
        }

        private static func retain(
            _ system: TestedSystem, _ options: [String], environment: [String: String] = [:]
        ) async throws -> Command.Output {
            // They note once a second what they have seen, and what they have not would stay.
            try await eventually("the workflows have seen everything") {
                try await system.number(
                    "unseen", "select h.position - c.position from log_head h cross join workflow_checkpoints c") == 0
            }
            return try await Executable.output(
                ["retain", "--telemetry", "0h", "--migration-database-url", system.database.ownerURL] + options,
                environment: environment)
        }

        private static func die(at point: Failpoint, _ count: Int, _ system: TestedSystem) async throws {
            let output = try await retain(
                system, ["--yes"], environment: ["FLEETLOG_FAILPOINT": "\(point.rawValue):\(count)"])
            guard output.ending == .signalled(SIGKILL), output.errors.contains(#""failpoint":"\#(point.rawValue)""#)
            else { throw Wrong("it ended by \(output.ending): \(output.text)\(output.errors)") }
            try await eventually("Postgres has let go of the dead command's lock") {
                try await system.number(
                    "locks of retention",
                    """
                    select count(*) from pg_locks where locktype = 'advisory'
                        and (classid::bigint << 32) + objid::bigint = x'666c2d7265746169'::bigint
                    """) == 0
            }
        }

        /// What the view says of each device, and what its events do.
        private static func states(of devices: [API.Device], _ api: API) async throws -> [String] {
            var states: [String] = []
            for device in devices {
                for query in ["", "?version=\(device.version)"] {
                    let answer = try await api.send("GET", "/api/v1/devices/\(device.id)\(query)")
                    guard answer.status == 200 else { throw Wrong("\(query): \(answer.status) \(answer.text)") }
                    states.append(answer.text)
                }
            }
            return states
        }

        private static func expect(_ states: [String], of devices: [API.Device], _ api: API) async throws {
            let found = try await Self.states(of: devices, api)
            guard found == states else { throw Wrong("states were \(states) and are \(found)") }
        }
    }
}

/// Hashes over the log as it was before anything left it.
private struct LogBefore {
    private let head: Int
    /// From here on, telemetry stays.
    private let boundary: Int
    private let whole: [String]
    private let kept: [String]

    init(_ system: TestedSystem) async throws {
        head = try await system.head
        boundary = try await system.number(
            "boundary",
            """
            select max(end_position) from log_partitions
            where class = 1 and end_position <= (select position + 1 from log_head)
            """)
        whole = try await Self.hash(system, head, telemetryFrom: 1)
        kept = try await Self.hash(system, head, telemetryFrom: boundary)
        let old = try await Self.oldReadings(system, boundary)
        let young = try await system.readings - old
        guard old > 300, young > 0 else { throw Wrong("\(old) readings are old enough, \(young) are not") }
    }

    func isWhole(in system: TestedSystem) async throws {
        let found = try await Self.hash(system, head, telemetryFrom: 1)
        guard found == whole else { throw Wrong("the log was \(whole) and is \(found)") }
    }

    func isKept(in system: TestedSystem) async throws {
        let found = try await Self.hash(system, head, telemetryFrom: boundary)
        guard found == kept else { throw Wrong("what was to stay was \(kept) and is \(found)") }
    }

    func hasLeft(in system: TestedSystem) async throws {
        let left = try await Self.oldReadings(system, boundary)
        guard left == 0 else { throw Wrong("\(left) old readings are still there") }
    }

    private static func oldReadings(_ system: TestedSystem, _ boundary: Int) async throws -> Int {
        try await system.number(
            "old readings", "select count(*) from events where type = 'TelemetryRecorded' and position < $1",
            [.int8(Int64(boundary))])
    }

    private static func hash(_ system: TestedSystem, _ head: Int, telemetryFrom start: Int) async throws -> [String] {
        try await system.texts(
            "hash of the log",
            """
            select md5(string_agg(md5(e::text), '' order by position)) || ', ' || count(*) || ' events'
            from events e where position <= $1 and (type <> 'TelemetryRecorded' or position >= $2)
            """, [.int8(Int64(head)), .int8(Int64(start))])
    }
}
