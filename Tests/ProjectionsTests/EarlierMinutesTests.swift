import Aggregates
import Projections
import Runtime
import Support
import Testing

extension PostgresLog {
    /// Stores the live hours of telemetry as the view's first definition did: each minute as a row of its own.
    fileprivate func storeTelemetryAsBefore() async throws {
        let rows = try await pool.withConnection { connection in
            let page = TelemetryProjection.page(after: "", limit: 10_000, generation: 1)
            let hours = try await connection.query(page).map { try TelemetryProjection.decode($0) }
            let ids = hours.map { TelemetryProjection.id(of: $0) }
            _ = try await connection.query(TelemetryProjection.remove(ids, generation: 1))
            var rows = 0
            for hour in hours {
                let settled = hour.minutes.all(of: hour.start).map { ($0.start(in: hour.start), $0.summary) }
                let minutes = Dictionary(uniqueKeysWithValues: settled)
                for (start, summary) in hour.windows {
                    let numbers = hour.provisional.filter { WindowLength.minute.start(of: $0.reading.arrival) == start }
                    try await store(hour, .minute, start, summary, numbers, settled: minutes[start], on: connection)
                    rows += 1
                }
                let rest = settled.first.map { first in settled.dropFirst().reduce(into: first.1) { $0.merge($1.1) } }
                try await store(hour, .hour, hour.start, hour.summary, hour.provisional, settled: rest, on: connection)
            }
            let definition = Statement.unprepared(
                "age", "update checkpoints set definition = 1 where projection = 'telemetry'", effect: .writes)
            _ = try await connection.query(definition())
            return rows
        }
        try #require(rows > 0)
    }

    private func store(
        _ hour: TelemetryHour, _ length: WindowLength, _ start: Timestamp, _ summary: WindowSummary,
        _ provisional: [ProvisionalNumber], settled: WindowSummary?, on connection: PostgresConnection
    ) async throws {
        let insert = Statement(
            "insert_earlier_window",
            """
            insert into telemetry_windows (
                generation, device, metric, length, start, account, count, minimum, maximum, last, last_time, sum, squares,
                unsummed, provisional)
            select 1, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::numeric, $12::numeric, $13, $14::jsonb
            """)
        let all = provisional.map { "[\($0.reading.time),\($0.reading.delay),\($0.number)]" }.joined(separator: ",")
        let rest = settled.map { settled in
            """
            "settled":[\(settled.count),\(settled.minimum),\(settled.maximum),\(settled.last),\
            \(settled.lastTime.microseconds),"\(settled.sum)","\(settled.squares)",\(settled.unsummed)],
            """
        }
        _ = try await connection.query(
            insert(
                .text(hour.device), .text(hour.metric), .int4(length.rawValue), .timestamp(start), .text(hour.account),
                .int8(summary.count), .float8(summary.minimum), .float8(summary.maximum), .float8(summary.last),
                .timestamp(summary.lastTime), .text(String(summary.sum)), .text(String(summary.squares)),
                .int8(summary.unsummed), provisional.isEmpty ? .null : .text("{\(rest ?? "")\"all\":[\(all)]}")))
    }
}

@Suite struct `Hours whose minutes are rows of their own, as they were stored once` {
    private let metrics = ["level", "wet"]

    /// Readings of a right clock, many of them late, and of one that was never set.
    private func report(_ minutes: Range<Int64>, _ random: inout Random, in log: PostgresLog) async throws {
        let fleet = Fleet(log)
        for minute in minutes {
            for (device, ahead) in [("right", Int64(0)), ("unset", -1_795_000_000)] {
                let number = (Double.random(in: -50...50, using: &random) * 1_000).rounded() / 1_000
                let reading = Telemetry(
                    metrics: ["level": .number(number), "wet": .flag(Bool.random(using: &random))], seq: nil,
                    clock: .device, arrival: noon + .seconds(60 * minute))
                let late = device == "right" ? Int64.random(in: 0..<9_000, using: &random) : minute < 3 ? 7_200 : 0
                try await fleet.send(
                    .recordTelemetry(reading), to: device, at: noon + .seconds(60 * minute - late + ahead))
            }
        }
    }

    private func answers(_ log: PostgresLog) async throws -> [[MetricWindow]] {
        let queries = PostgresFleetQueries(pool: log.pool)
        var answers: [[MetricWindow]] = []
        for device in ["right", "unset"] {
            for resolution in WindowsWanted.Resolution.allCases {
                var wanted = WindowsWanted(
                    device: device, metrics: metrics, resolution: resolution, from: noon - .seconds(4_000),
                    to: noon + .seconds(3_000), after: nil, limit: 7)
                var pages: [MetricWindow] = []
                while true {
                    let page = try await queries.windows(wanted, scope: .all)
                    pages += page
                    if page.count < wanted.limit { break }
                    wanted.after = page.last?.place
                }
                answers.append(pages)
            }
        }
        return answers
    }

    private func sums(_ log: PostgresLog) async throws -> [MinuteSum] {
        try await PostgresFleetQueries(pool: log.pool).minutes(
            of: "level", device: "right", from: noon - .seconds(4_000), to: noon + .seconds(3_000), scope: .all)
    }

    private func expectSound(_ log: PostgresLog) async throws {
        let audit = ViewRangeAudit(
            [TelemetryProjection.self], of: Device.category, store: log.store, pool: log.pool)
        var findings = AuditFindings()
        let report = try await audit.run(&findings)
        #expect(findings.count == 0 && report.views[0].rows > 0, "\(findings.first)")
    }

    @Test func `are read, gone on with and dated anew as others are, until a rebuild has packed them`() async throws {
        try await PostgresLog.with { log in
            var random = Random(state: 3)
            for device in ["right", "unset"] { try await Fleet(log).register(device) }
            // Readings of the second device wait to be dated.
            try await report(0..<3, &random, in: log)
            try await log.withLiveViews { _ = try await log.viewsReachHead() }
            let (before, sumsBefore) = (try await answers(log), try await sums(log))
            #expect(before.allSatisfy { !$0.isEmpty } && !sumsBefore.isEmpty)
            #expect(try await log.number("select count(*) from telemetry_windows where provisional is not null") > 0)

            try await log.storeTelemetryAsBefore()
            #expect(try await answers(log) == before)
            #expect(try await sums(log) == sumsBefore)
            try await expectSound(log)

            try await report(3..<20, &random, in: log)
            try await log.withLiveViews { _ = try await log.viewsReachHead() }
            #expect(try await log.number("select count(*) from events where type = 'ReadingsRedated'") == 1)
            try await expectSound(log)
            let (after, sumsAfter) = (try await answers(log), try await sums(log))
            #expect(after != before)

            let rebuilt = try await log.rebuild("telemetry")
            #expect(rebuilt.state == .finished)
            let rebuiltRows = "select count(*) from telemetry_windows where generation = 2"
            #expect(try await log.number("\(rebuiltRows) and (length <> 3600 or minutes is null)") == 0)
            #expect(try await answers(log) == after)
            #expect(try await sums(log) == sumsAfter)
            try await expectSound(log)
        }
    }
}
