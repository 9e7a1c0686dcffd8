import Runtime
import Support

/// Compares what the devices know with what the log holds, and the log with everything made of it.
struct Checker: Sendable {
    let system: TestedSystem

    /// The whole promise: each acknowledged message is in the log exactly once, nothing else is, the log is sound, the
    /// views equal a rebuild, and the actors' states equal a fold.
    func check(_ records: [LoadRecord], api: API) async throws {
        guard records.allSatisfy({ $0.unheard == 0 }) else { throw Wrong("the broker had no subscription of ours") }
        try await everythingArrived(records)
        try await exactlyOnce(records)
        try await soundness(records, api: api)
    }

    /// All but the messages: the log has no gaps, the views equal a rebuild, the actors' states equal a fold.
    private func soundness(_ records: [LoadRecord], api: API) async throws {
        try await logIsSound()
        try await system.viewsCaughtUp()
        try await viewsCountAsTheLog()
        try await actorsCountAsTheLog(records, api)
        try await viewsEqualRebuild()
    }

    func everythingArrived(_ records: [LoadRecord], within limit: Duration = .seconds(60)) async throws {
        let expected = records.reduce(0) { $0 + $1.acknowledged.count }
        do {
            try await eventually(within: limit, "everything arrives", every: .milliseconds(200)) {
                try await system.readings >= expected
            }
        } catch is NeverHappened {
            // The exact comparison says what is missing.
        }
        // Whatever more the broker holds must come out too: its queue to us is empty when a probe has come through.
        try await exactCountSettles()
    }

    func exactlyOnce(_ records: [LoadRecord]) async throws {
        let counts = try await counts()
        var faults: [String] = []
        for record in records {
            let found = counts[record.device, default: [:]]
            let name = "\(record.marking) device \(record.device)"
            if record.marking == .allAlike {
                let total = found.values.reduce(0, +)
                let possible = record.acknowledged.count...record.acknowledged.count + record.uncertain.count
                if !possible.contains(total) { faults.append("\(name): \(total) readings, not \(possible)") }
                continue
            }
            let lost = record.acknowledged.filter { found[$0] == nil }
            let doubled = found.filter { $0.value > 1 }.keys
            let strange = found.keys.filter { !record.acknowledged.contains($0) && !record.uncertain.contains($0) }
            if !lost.isEmpty { faults.append("\(name): lost \(lost.sorted().prefix(20)) of \(found.count)") }
            if !doubled.isEmpty { faults.append("\(name): doubled \(doubled.sorted().prefix(20)) of \(found.count)") }
            if !strange.isEmpty { faults.append("\(name): never sent \(strange.sorted().prefix(20))") }
        }
        guard faults.isEmpty else { throw Wrong(faults.joined(separator: "\n")) }
    }

    /// What the shipped audit proves: positions, versions, commands, snapshots, and all views of all devices.
    func logIsSound() async throws {
        _ = try await Executable.run(["audit", "check", "--database-url", system.database.serverURL])
    }

    func viewsEqualRebuild() async throws {
        for view in ["devices", "accounts"] { try await system.viewEqualsRebuild(view) }
    }

    func viewsCountAsTheLog() async throws {
        let different = try await system.number(
            "views that count wrongly",
            """
            select count(*) from devices d
            join projections p on p.name = 'devices' and p.live_generation = d.generation
            left join (
                select substr(stream, 8) as id, max(version) as version,
                    count(*) filter (where type = 'TelemetryRecorded') as readings,
                    count(*) filter (where type = 'MessageRefused') as refusals
                from events where category = 'device' group by 1) as log on log.id = d.id
            where (d.version, d.telemetry_count, d.refused_count)
                is distinct from (log.version, log.readings, log.refusals)
            """)
        guard different == 0 else { throw Wrong("\(different) devices of the view count otherwise than the log") }
    }

    /// The answer to a command comes from the actor: its count and version must be those of the stream.
    private func actorsCountAsTheLog(_ records: [LoadRecord], _ api: API) async throws {
        for record in records {
            // Right after a fault a server may still be on its way back to Postgres.
            var renamed: API.Answer?
            try await eventually(within: .seconds(30), "a device is renamed") {
                renamed = try await api.rename(record.device, "checked \(UInt32.random(in: 0 ... .max))")
                return renamed?.status != 503
            }
            guard let answer = renamed else { throw Wrong("no device was renamed") }
            let device: API.Device = try answer.value()
            let stream = PostgresValue.text("device-\(record.device)")
            let readings = try await system.number(
                "readings of a device",
                "select count(*) from events where stream = $1 and type = 'TelemetryRecorded'", [stream])
            let version = try await system.number(
                "version of a device", "select max(version) from events where stream = $1", [stream])
            guard device.telemetryCount == readings, device.version == version else {
                throw Wrong(
                    "the actor of \(record.device) counts \(device.telemetryCount) at version \(device.version), "
                        + "its stream \(readings) at \(version)")
            }
        }
        try await system.viewsCaughtUp()
    }

    /// Readings by device and number; those without a number under 0.
    private func counts() async throws -> [String: [Int: Int]] {
        let statement = Statement(
            "counts",
            """
            select substr(stream, 8), coalesce((data -> 'metrics' ->> 'n')::float8::bigint, 0), count(*)
            from events where type = 'TelemetryRecorded' group by 1, 2
            """)
        let rows = try await system.pool.withConnection { try await $0.query(statement(), timeout: .seconds(60)) }
        var counts: [String: [Int: Int]] = [:]
        for row in rows { counts[try row.text(0), default: [:]][Int(try row.int8(1))] = Int(try row.int8(2)) }
        return counts
    }

    /// Waits until the log has not grown for a second: a probe's length of silence.
    private func exactCountSettles() async throws {
        var last = (count: -1, since: ContinuousClock.now)
        try await eventually(within: .seconds(30), "the log comes to rest", every: .milliseconds(100)) {
            let count = try await system.readings
            if count != last.count { last = (count, .now) }
            return ContinuousClock.now - last.since > .seconds(1)
        }
    }
}

extension Checker {
    /// What holds even if the broker forgot messages that it had acknowledged: none is doubled, none is invented.
    func checkAfterBrokerCrash(_ records: [LoadRecord], api: API) async throws {
        try await exactCountSettles()
        try await exactlyOnce(
            records.map { record in
                LoadRecord(
                    device: record.device, marking: record.marking, acknowledged: [],
                    uncertain: record.uncertain.union(record.acknowledged))
            })
        try await soundness(records, api: api)
    }
}
