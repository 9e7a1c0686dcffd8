import Aggregates
import Logging
import Projections
import Runtime
import Support
import Testing

private let both = ["telemetry", "states"]

extension PostgresLog {
    fileprivate func audit(
        rows: Int = 50_000, events: Int = 200_000, sample: Int? = nil, parts: Int? = nil
    ) async throws -> (findings: AuditFindings, report: ViewRangeAudit.Report) {
        var bounds = ViewRangeAudit.Bounds()
        (bounds.rows, bounds.events) = (rows, events)
        let audit = ViewRangeAudit(
            [TelemetryProjection.self, StatesProjection.self], of: Device.category, store: store, pool: pool,
            bounds: bounds)
        var findings = AuditFindings()
        var steps = 0
        let report = try await audit.run(sample: sample, &findings) { _, _ in steps += 1 }
        if let parts { #expect(steps == parts) }
        return (findings, report)
    }

    fileprivate func expectSound(
        _ devices: Int, rows: Int = 50_000, events: Int = 200_000, parts: Int = 1
    ) async throws {
        let (findings, report) = try await audit(rows: rows, events: events, parts: parts)
        #expect(findings.count == 0, "\(findings.first)")
        #expect(report.views.map(\.name) == both && report.streamsInLog == nil)
        #expect(report.views.map(\.streams) == [devices, devices])
        for (view, table) in zip(report.views, ["telemetry_windows", "states"]) {
            #expect(try await view.rows == number("select count(*) from \(table)"))
            #expect(view.untoldRows == 0 && view.shortenedStreams == 0)
        }
    }

    /// Changes the views as somebody might who may.
    fileprivate func change(_ sql: String) async throws {
        #expect(try await number("with change as (\(sql) returning 1) select count(*) from change") > 0, "\(sql)")
    }
}

@Suite struct `An audit of views with many rows a device` {
    /// Readings of numbers, flags and texts, many of them late, of devices whose names have others between them.
    private func report(
        _ count: Int, of devices: [String] = ["b", "d", "f"], _ random: inout Random, in log: PostgresLog
    )
        async throws
    {
        let fleet = Fleet(log)
        for _ in 0..<count {
            for device in devices {
                let metrics: [String: MetricValue] = [
                    "level": .number(Double.random(in: -50...50, using: &random)),
                    "wet": .flag(Bool.random(using: &random)),
                    "mode": .text(["a", "b"][Int.random(in: 0..<2, using: &random)]),
                ]
                let reading = Telemetry(metrics: metrics, seq: nil, clock: .device, arrival: noon)
                let time = noon - .seconds(Int64.random(in: 0..<20_000, using: &random))
                try await fleet.send(.recordTelemetry(reading), to: device, at: time)
            }
        }
    }

    private func withViews(_ body: @Sendable (PostgresLog) async throws -> Void) async throws {
        try await PostgresLog.with { log in
            var random = Random(state: 5)
            let fleet = Fleet(log)
            for device in ["b", "d", "f"] {
                try await fleet.register(device)
                try await fleet.send(.reportStatus(StatusReport(isOnline: true)), to: device, at: noon)
            }
            try await report(12, &random, in: log)
            try await log.withLiveViews { _ = try await log.viewsReachHead() }
            try await body(log)
        }
    }

    @Test(arguments: [(1, 200_000, 3), (50_000, 1, 3), (50_000, 15, 2), (50_000, 200_000, 1)])
    func `finds nothing in views that are behind the log, however little it may keep`(
        _ rows: Int, _ events: Int, _ parts: Int
    ) async throws {
        try await withViews { log in
            var random = Random(state: 9)
            let fleet = Fleet(log)
            try await fleet.register("c")
            try await report(3, of: ["c"], &random, in: log)
            try await report(3, &random, in: log)
            try await log.expectSound(3, rows: rows, events: events, parts: parts)
        }
    }

    @Test func `finds nothing of readings that are to be dated anew, before it is done and after`() async throws {
        try await withViews { log in
            let fleet = Fleet(log)
            try await fleet.register("h")
            // Of a clock that was never set.
            let live = (2..<10 as Range<Int64>).map { ($0 * 60, $0 * 60) }
            for (made, arrival) in [(-7_200, 0), (-3_700, 1)] + live {
                let metrics: [String: MetricValue] = ["level": .number(Double(made)), "wet": .flag(made < 0)]
                let reading = Telemetry(
                    metrics: metrics, seq: nil, clock: .device, arrival: noon + .seconds(arrival))
                try await fleet.send(
                    .recordTelemetry(reading), to: "h", at: noon + .seconds(made) - .seconds(1_795_000_000))
                if arrival == 1 {
                    try await log.withLiveViews { _ = try await log.viewsReachHead() }
                    let provisional = "select count(*) from telemetry_windows where provisional is not null"
                    #expect(try await log.number(provisional) > 0)
                    try await log.expectSound(4)
                }
            }
            try await log.withLiveViews { _ = try await log.viewsReachHead() }
            #expect(try await log.number("select count(*) from events where type = 'ReadingsRedated'") == 1)
            try await log.expectSound(4)
        }
    }

    @Test func `finds nothing while devices report and views go on`() async throws {
        try await withViews { log in
            try await log.withLiveViews {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        var random = Random(state: 13)
                        let fleet = Fleet(log)
                        for number in 0..<60 {
                            let id = "c\(number)"
                            try await fleet.register(id)
                            try await report(1, of: ["b", "d", "f", id], &random, in: log)
                        }
                    }
                    var rounds = 0
                    while rounds < 20 {
                        let (findings, _) = try await log.audit(rows: rounds.isMultiple(of: 2) ? 1 : 50_000)
                        #expect(findings.count == 0, "\(findings.first)")
                        rounds += 1
                    }
                    try await group.waitForAll()
                }
                _ = try await log.viewsReachHead()
                try await log.expectSound(63)
            }
        }
    }

    @Test func `finds nothing while a generation that is behind takes over and gives way again`() async throws {
        try await withViews { log in
            try await log.change(
                """
                insert into telemetry_windows select 2, device, metric, length, start, account, count, minimum, maximum,
                    last, last_time, sum, squares, unsummed, provisional, minutes
                from telemetry_windows
                """)
            try await log.change("insert into states select 2, device, start, account, facts, runs from states")
            try await log.change(
                """
                insert into checkpoints (projection, generation, position) select projection, 2, position from checkpoints
                where projection in ('telemetry', 'states')
                """)
            var random = Random(state: 21)
            try await report(5, &random, in: log)
            try await log.withLiveViews { _ = try await log.viewsReachHead() }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    while !Task.isCancelled {
                        try await log.change(
                            """
                            update projections set live_generation = 3 - live_generation
                            where name in ('telemetry', 'states')
                            """)
                    }
                }
                defer { group.cancelAll() }
                for _ in 0..<60 {
                    do {
                        let (findings, _) = try await log.audit()
                        #expect(findings.count == 0, "\(findings.first)")
                    } catch RebuildError.disturbed {
                        // It tries again some times only.
                    }
                }
            }
        }
    }

    @Test(arguments: [(1, 1), (50_000, 200_000)])
    func `names a row that was changed, one that was taken away and one that was put in`(_ rows: Int, _ events: Int)
        async throws
    {
        try await withViews { log in
            try await log.change(
                """
                update telemetry_windows set maximum = 99.5 where device = 'b' and metric = 'level'
                    and start = (select min(start) from telemetry_windows where device = 'b')
                """)
            try await log.change(
                "delete from telemetry_windows where device = 'd' and metric = 'wet'")
            try await log.change(
                """
                insert into telemetry_windows
                select generation, device, metric || '2', length, start, account, count, minimum, maximum, last, last_time,
                    sum, squares, unsummed, provisional, minutes
                from telemetry_windows where device = 'f' and metric = 'wet'
                """)
            let lost = try await log.number(
                "select count(distinct start) from telemetry_windows where device = 'd'")
            let added = try await log.number("select count(*) from telemetry_windows where metric = 'wet2'")
            let (findings, report) = try await log.audit(rows: rows, events: events)
            try #require(findings.count == 3 && findings.first.allSatisfy { $0.law == .views }, "\(findings.first)")
            try #require(findings.first.map(\.stream) == ["device-b", "device-d", "device-f"])
            #expect(findings.first.allSatisfy { $0.version == 14 && $0.position ?? 0 > 0 })
            let problems = findings.first.map(\.problem)
            #expect(
                problems[0].hasPrefix(
                    "rows of the view telemetry that differ from a rebuild: 1; the first, b/default/3600/"))
            #expect(problems[0].contains("/level, holds count ") && problems[0].contains("maximum 99.5"))
            #expect(problems[0].contains(", and a rebuild makes count "))
            #expect(problems[1].hasPrefix("rows that the view telemetry lacks: \(lost); the first, d/default/3600/"))
            #expect(problems[1].contains("/wet, would hold count "))
            #expect(
                problems[2].hasPrefix("rows of the view telemetry that come from no event: \(added); the first, f/"))
            #expect(problems[2].contains("/wet2, holds count "))
            #expect(report.views[0].streams == 3)
        }
    }

    @Test func `names an hour whose minutes are those of another one, or no minutes`() async throws {
        try await withViews { log in
            try await log.change(
                """
                update telemetry_windows w set minutes = o.minutes from telemetry_windows o
                where w.device = 'b' and o.device = 'd' and w.metric = 'level' and o.metric = w.metric
                    and w.start = o.start and w.start = (select max(start) from telemetry_windows where device = 'b')
                """)
            try await log.change(
                """
                update telemetry_windows set minutes = '\\x0107' where device = 'f' and metric = 'level'
                    and start = (select max(start) from telemetry_windows where device = 'f')
                """)
            let (findings, _) = try await log.audit()
            let problems = findings.first.map(\.problem)
            try #require(findings.first.map(\.stream) == ["device-b", "device-f"], "\(problems)")
            #expect(problems[0].contains("differ from a rebuild: 1; ") && problems[0].contains(", by minutes "))
            #expect(problems[1].contains(", cannot be read, and a rebuild makes count "))
        }
    }

    @Test func `names hours of states that were changed, taken away, put in and spoilt`() async throws {
        try await withViews { log in
            try await log.change(
                """
                update states s set facts = o.facts from states o
                where s.device = 'b' and o.device = 'd' and s.start = o.start
                    and s.start = (select max(start) - interval '1 hour' from states)
                """)
            try await log.change("delete from states where device = 'd' and start = (select min(start) from states)")
            try await log.change(
                "update states set facts = '\\x07' where device = 'f' and start = (select max(start) from states)")
            try await log.change(
                """
                insert into states select generation, device, start - interval '7 days', account, facts, runs
                from states where device = 'f' and start = (select min(start) from states)
                """)
            let (findings, _) = try await log.audit()
            try #require(
                findings.first.map(\.stream) == ["device-b", "device-d", "device-f", "device-f"], "\(findings.first)")
            let problems = findings.first.map(\.problem)
            #expect(
                problems[0].hasPrefix("rows of the view states that differ from a rebuild: 1; the first, b/default/"))
            #expect(problems[0].contains("runs {"))
            #expect(problems[1].hasPrefix("rows that the view states lacks: 1; the first, d/default/"))
            #expect(
                problems[2].contains("differ from a rebuild: 1; ")
                    && problems[2].contains(", cannot be read, and a rebuild"))
            #expect(problems[3].hasPrefix("rows of the view states that come from no event: 1; the first, f/default/"))
        }
    }

    @Test(arguments: both, ["", "a", "c", "g", "ü"]) func `finds rows of a device that the log does not know`(
        _ view: String, _ stranger: String
    ) async throws {
        let table = view == "telemetry" ? "telemetry_windows" : view
        try await withViews { log in
            try await log.change("update \(table) set device = '\(stranger)' where device = 'd'")
            for rows in [1, 50_000] {
                let (findings, _) = try await log.audit(rows: rows)
                let found = Set(findings.first.map { "\($0.stream ?? "") \($0.problem.prefix { $0 != ":" })" })
                #expect(
                    found == [
                        "device-d rows that the view \(view) lacks",
                        "device-\(stranger) rows of the view \(view) that come from no event",
                    ])
            }
        }
    }

    @Test func `finds what lies between two microseconds of a row's key, and a length that there is not`() async throws
    {
        try await withViews { log in
            // Windows under the ids of others, and more of them than are read at once.
            try await log.change(
                """
                insert into telemetry_windows
                select generation, device, metric, length, start + n * interval '1 microsecond', account, count, minimum,
                    maximum, last, last_time, sum, squares, unsummed, provisional, minutes
                from telemetry_windows, generate_series(1, 6000) n
                where device = 'd' and metric = 'level'
                    and start = (select min(start) from telemetry_windows)
                """)
            try await log.change(
                """
                update telemetry_windows set length = 7 where device = 'f' and metric = 'level'
                    and start = (select max(start) from telemetry_windows where device = 'f')
                """)
            let (findings, report) = try await log.audit()
            let problems = findings.first.map(\.problem)
            try #require(findings.first.map(\.stream) == ["device-d", "device-f", "device-f"], "\(problems)")
            #expect(problems[0].hasPrefix("rows of the view telemetry that come from no event: 6000; "))
            #expect(problems[1].hasPrefix("rows that the view telemetry lacks: 1; "))
            #expect(problems[2].contains("come from no event: 1; ") && problems[2].hasSuffix("cannot be read"))
            #expect(try await report.views[0].rows == log.number("select count(*) from telemetry_windows"))
        }
    }

    @Test func `says of a device that stands still where it does, and of one whose events make no sense`() async throws
    {
        try await withViews { log in
            let stuck = Statement.unprepared(
                "stop a device",
                """
                insert into stuck_entities (projection, generation, entity, position, version, event_type, reason)
                select 'states', 1, 'd', position, version, type, 'lunch' from events
                where stream = 'device-d' and version = 5
                """)
            _ = try await log.pool.withConnection { try await $0.query(stuck()) }
            try await log.change("delete from states where device = 'd'")
            try await log.tamper(
                "update events set data = '{}' where stream = 'device-f' and type = 'TelemetryRecorded' and version = 9"
            )
            let (findings, _) = try await log.audit()
            try #require(findings.first.map(\.stream) == ["device-f", "device-d", "device-f"], "\(findings.first)")
            #expect(findings.first.map(\.version) == [9, 5, 9])
            #expect(findings.first[0].problem.hasPrefix("the view telemetry cannot be rebuilt: "))
            #expect(findings.first[1].problem == "the view states stands still at this event: lunch")
            #expect(findings.first[2].problem.hasPrefix("the view states cannot be rebuilt: "))
        }
    }

    @Test func `compares as many devices as it is asked to, chosen at random`() async throws {
        try await withViews { log in
            try await log.change("update telemetry_windows set count = count + 1")
            var chosen: Set<String> = []
            for _ in 0..<40 {
                let (findings, report) = try await log.audit(sample: 1)
                #expect(findings.count == 1 && report.streamsInLog == 3)
                #expect(report.views.map(\.streams) == [1, 1])
                chosen.formUnion(findings.first.compactMap(\.stream))
            }
            #expect(chosen == ["device-b", "device-d", "device-f"])
            #expect(try await log.audit(sample: 0).report.views.map(\.rows) == [0, 0])
            let all = try await log.audit(sample: 9)
            #expect(all.findings.count == 3 && all.report.views.map(\.streams) == [3, 3])
        }
    }

    @Test func `compares what the log can still tell of devices whose telemetry has left it`() async throws {
        try await withViews { log in
            // Made long after all that will leave.
            let fleet = Fleet(log)
            let late = Timestamp.now() + .seconds(30 * 86_400)
            for device in ["b", "d"] {
                for second in [0, 1] as [Int64] {
                    let reading = Telemetry(
                        metrics: ["level": .number(2), "wet": .flag(true)], seq: nil, clock: .device, arrival: late)
                    try await fleet.send(.recordTelemetry(reading), to: device, at: late - .seconds(second))
                }
            }
            try await log.withLiveViews { _ = try await log.viewsReachHead() }
            // Most readings of b and d are gone, the last of before are not.
            try await log.tamper(
                """
                create temporary table leaving as
                    select stream, version, position from events
                    where stream in ('device-b', 'device-d') and type = 'TelemetryRecorded' and version <= 10;
                insert into stream_floors select stream, max(version), max(position) from leaving group by stream;
                delete from events e using leaving l where e.position = l.position
                """)
            let (clean, report) = try await log.audit()
            #expect(clean.count == 0, "\(clean.first)")
            for (view, table) in zip(report.views, ["telemetry_windows", "states"]) {
                #expect(view.shortenedStreams == 2 && view.streams == 3 && view.untoldRows > 0)
                #expect(try await view.rows + view.untoldRows == log.number("select count(*) from \(table)"))
            }
            #expect(report.views[0].rows > report.views[0].untoldRows / 10)

            // What has left explains a row that is there, and a greater one.
            try await log.change(
                "update telemetry_windows set count = count + 1, maximum = 99 where device = 'b' and start <= '2026-11-22'"
            )
            #expect(try await log.audit().findings.count == 0)
            // But not one that was made of less than the log has, or none, nor what was made long after it.
            try await log.change(
                "update telemetry_windows set maximum = -99 where device = 'b' and start <= '2026-11-22'")
            try await log.change("delete from telemetry_windows where device = 'd' and start <= '2026-11-22'")
            try await log.change(
                "update telemetry_windows set count = count + 1 where device = 'd' and start > '2026-11-22' and metric = 'level'"
            )
            try await log.change(
                """
                insert into states select generation, device, start + interval '1 day', account, facts, runs
                from states where device = 'b' and start > '2026-11-22'
                """)
            let (findings, _) = try await log.audit()
            let found = findings.first.map { "\($0.stream ?? "") \($0.problem.prefix { $0 != ":" })" }
            try #require(
                found == [
                    "device-b rows of the view telemetry that differ from a rebuild",
                    "device-d rows of the view telemetry that differ from a rebuild",
                    "device-d rows that the view telemetry lacks",
                    "device-b rows of the view states that come from no event",
                ], "\(findings.first)")
            #expect(findings.first[1].problem.contains("differ from a rebuild: 1; "))
        }
    }
}
