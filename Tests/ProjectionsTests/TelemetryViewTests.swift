import Aggregates
import Foundation
import Logging
import Projections
import Runtime
import Support
import Testing

@Suite struct `What numbers come to in a window` {
    private func summary(_ numbers: [(Double, Timestamp)]) -> WindowSummary? {
        numbers.reduce(into: nil) { (sum: inout WindowSummary?, number) in
            let next = WindowSummary(number.0, at: number.1)
            if sum?.merge(next) == nil { sum = next }
        }
    }

    @Test(arguments: 0..<40) func `is the same to the last bit in any order, and however it is put together`(
        _ seed: UInt64
    ) throws {
        var random = Random(state: seed)
        let numbers: [(Double, Timestamp)] = (0..<200).map { _ in
            let number =
                switch Int.random(in: 0..<6, using: &random) {
                case 0: Double.random(in: -1e-3...1e-3, using: &random)
                case 1: Double.random(in: -1e11...1e11, using: &random)
                case 2: [0.0, -0.0, 1e12, -1e12][Int.random(in: 0..<4, using: &random)]
                case 3 where seed % 4 == 0: Double.random(in: -1e300...1e300, using: &random)
                default: Double.random(in: -100...100, using: &random)
                }
            // Few instants, so that several have the same.
            return (number, noon + .seconds(Int64.random(in: 0..<20, using: &random)))
        }
        let whole = try #require(summary(numbers))
        for _ in 0..<10 {
            let shuffled = numbers.shuffled(using: &random)
            #expect(summary(shuffled) == whole)
            let cut = Int.random(in: 1..<199, using: &random)
            var parts = try #require(summary(Array(shuffled[..<cut])))
            parts.merge(try #require(summary(Array(shuffled[cut...]))))
            #expect(parts == whole)
            #expect(parts.mean?.bitPattern == whole.mean?.bitPattern)
        }
    }

    @Test func `has no negative zero, which is written in another way than zero`() throws {
        for zeros in [[0.0, -0.0], [-0.0, 0.0], [-0.0]] {
            let found = try #require(summary(zeros.map { ($0, noon) }))
            #expect([found.minimum, found.maximum, found.last].allSatisfy { $0.sign == .plus })
        }
    }

    @Test func `is what a textbook says`() throws {
        let numbers: [Double] = [2, 4, 4, 4, 5, 5, 7, 9]
        let found = try #require(summary(numbers.map { ($0, noon) }))
        #expect(found.count == 8 && found.mean == 5 && found.deviation == 2)
        #expect(found.minimum == 2 && found.maximum == 9)
        // Where the difference of two large squares would be nothing but noise in floating point.
        let far = try #require(summary(numbers.map { ($0 + 1e9, noon) }))
        #expect(far.mean == 1e9 + 5 && far.deviation == 2)
        #expect(try #require(summary([(3, noon)])).deviation == 0)
    }

    @Test func `has no mean if a number was too large, and no deviation if their squares were`() throws {
        let huge = try #require(summary([(1, noon), (1e13, noon)]))
        #expect(huge.mean == nil && huge.deviation == nil && huge.count == 2 && huge.maximum == 1e13)
        let many = try #require(summary(Array(repeating: (1e12, noon), count: 200)))
        #expect(many.mean == 1e12 && many.deviation == nil)
    }

    @Test(arguments: [WindowLength.minute, .hour]) func `begins where its readings are`(_ length: WindowLength) {
        let seconds = Int64(length.rawValue)
        for offset in [-1, 0, 1, seconds - 1, seconds] {
            for base in [noon, Timestamp(microseconds: 0)] {
                let time = base + .seconds(offset)
                let start = length.start(of: time)
                #expect(start <= time && time < start + .seconds(seconds))
                #expect(start.microseconds % (seconds * 1_000_000) == 0)
            }
        }
    }
}

@Suite struct `The view of telemetry` {
    private struct Sent {
        var value: MetricValue
        var time: Timestamp
    }

    private func record(
        _ readings: [Sent], of metric: String = "level", by device: String, account: AccountID = .default,
        in log: PostgresLog
    ) async throws {
        let devices = Directory<Device>(store: log.store, snapshots: log.snapshots)
        let register = Device.Command.register(
            Registration(
                serial: device, type: DeviceType("water"), name: "", labels: [:],
                account: AccountStanding(id: account, isActive: true)))
        let commands =
            [(register, noon)]
            + readings.map { reading in
                (
                    Device.Command.recordTelemetry(
                        Telemetry(
                            metrics: [metric: reading.value], seq: nil, clock: .device,
                            arrival: noon + .seconds(40 * 86_400))),
                    reading.time
                )
            }
        for (command, time) in commands {
            let context = CommandContext(time: time, principal: .system, scope: .all)
            _ = try await devices.send(CommandEnvelope(id: .v7(), command, context: context), to: device)
        }
    }

    private func withView(
        _ log: PostgresLog, _ body: @Sendable (PostgresFleetQueries) async throws -> Void
    ) async throws {
        let queries = PostgresFleetQueries(pool: log.pool)
        let runner = ProjectionRunner(
            TelemetryProjection.self, log: log.store, pool: log.pool, logger: Logger(label: "test"))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await runner.run() }
            defer { group.cancelAll() }
            let head = try await log.store.head().position
            try await eventually(within: .seconds(60), "the view at the head") {
                try await queries.projections().first { $0.name == "telemetry" }?.position ?? 0 >= head
            }
            try await body(queries)
        }
    }

    private func wanted(
        _ device: String, _ resolution: WindowsWanted.Resolution, _ metrics: [String] = ["level"], limit: Int = 5_000
    ) -> WindowsWanted {
        WindowsWanted(
            device: device, metrics: metrics, resolution: resolution, from: noon - .seconds(40 * 86_400),
            to: noon + .seconds(40 * 86_400), after: nil, limit: limit)
    }

    @Test func `is the same whatever the order in which readings come, and after a rebuild`() async throws {
        try await PostgresLog.with { log in
            var random = Random(state: 7)
            let readings = (0..<150).map { _ in
                Sent(
                    value: .number(Double.random(in: -50...50, using: &random)),
                    time: noon - .milliseconds(Int64.random(in: 0..<(2 * 86_400_000), using: &random)))
            }
            for device in ["a", "b", "c"] {
                try await record(readings.shuffled(using: &random), by: device, in: log)
            }
            try await withView(log) { queries in
                for resolution in WindowsWanted.Resolution.allCases {
                    var found: [[MetricWindow]] = []
                    for device in ["a", "b", "c"] {
                        found.append(try await queries.windows(wanted(device, resolution), scope: .all))
                    }
                    #expect(found[0] == found[1] && found[1] == found[2])
                    #expect(found[0].reduce(0) { $0 + $1.summary.count } == 150)
                    #expect(found[0].map(\.start) == found[0].map(\.start).sorted())
                }
                let days = try await queries.windows(wanted("a", .day), scope: .all)
                #expect(days.count == 3 || days.count == 2)
                let values: [Double] = readings.map { if case .number(let number) = $0.value { number } else { 0 } }
                #expect(days.map(\.summary.minimum).min() == values.min())
                #expect(days.last?.summary.lastTime == readings.map(\.time).max())
            }
            let comparison = try #require(try await log.rebuild("telemetry").comparison)
            #expect(comparison.isIdentical && comparison.nextRows > 100)
        }
    }

    private struct Message: Sendable {
        /// When it was measured, and when it arrived.
        var made: Timestamp
        var arrival: Timestamp
        var value: Double
    }

    /// Sends the messages by a clock that is so far ahead, in the order of their arrival.
    private func send(
        _ messages: [Message], ahead: Duration, by device: String, _ log: PostgresLog
    ) async throws {
        let devices = Directory<Device>(store: log.store, snapshots: log.snapshots)
        for message in messages.sorted(by: { $0.arrival < $1.arrival }) {
            let reading = Telemetry(
                metrics: ["level": .number(message.value), "wet": .flag(message.value > 0)], seq: nil, clock: .device,
                arrival: message.arrival)
            let context = CommandContext(time: message.made + ahead, principal: .system, scope: .all)
            let envelope = CommandEnvelope(id: .v7(), Device.Command.recordTelemetry(reading), context: context)
            _ = try await devices.send(envelope, to: device)
        }
    }

    /// Live readings, one a minute from noon on, and some of a buffer that come between them.
    private func messages(_ random: inout Random, oldest: Int64) -> (live: [Message], late: [Message]) {
        func value() -> Double { Double.random(in: -50...50, using: &random) }
        let live = (0..<10).map { minute in
            Message(made: noon + .seconds(minute * 60), arrival: noon + .seconds(minute * 60), value: value())
        }
        let late = (0..<60).map { _ in
            let made = noon - .seconds(Int64.random(in: 120..<oldest, using: &random))
            return Message(made: made, arrival: made, value: value())
        }
        return (live, late)
    }

    @Test(arguments: [(Duration.seconds(-1_795_000_000), Int64(20_000)), (.seconds(7_200), 5_000)])
    func `is that of a right clock once the clock is known, whatever came before it was`(
        _ ahead: Duration, oldest: Int64
    ) async throws {
        try await PostgresLog.with { log in
            var random = Random(state: 11)
            let (live, late) = messages(&random, oldest: oldest)
            try await record([], by: "right", in: log)
            try await send(live + late, ahead: .zero, by: "right", log)
            let devices = ["a", "b", "c", "d"]
            for device in devices {
                let arrivals = late.map { reading in
                    var reading = reading
                    reading.arrival = noon + .milliseconds(Int64.random(in: -50_000..<500_000, using: &random))
                    return reading
                }
                try await record([], by: device, in: log)
                try await send(live + arrivals, ahead: ahead, by: device, log)
            }
            let redated = LogFilter(category: Device.category, type: "ReadingsRedated", scope: .all)
            #expect(try await log.store.readLog(after: 0, where: redated, limit: 100).events.count == devices.count)
            try await withView(log) { queries in
                for resolution in WindowsWanted.Resolution.allCases {
                    let metrics = ["level", "wet"]
                    let right = try await queries.windows(wanted("right", resolution, metrics), scope: .all)
                    #expect(right.reduce(0) { $0 + $1.summary.count } == 140)
                    for device in devices {
                        let found = try await queries.windows(wanted(device, resolution, metrics), scope: .all)
                        #expect(found == right, "\(device) by \(resolution)")
                    }
                }
            }
            for rows in [0, 10, 150_000] {
                var pace = RebuildPace.eager
                (pace.rows, pace.copyChunk) = (rows, 7)
                let begun = try await log.rebuilds().start(
                    "telemetry", eventLimit: 500, acceptingLoss: false, askedBy: "a test")
                let rebuild = try await log.withRebuilding(pace: pace) { try await log.end(of: begun) }
                let comparison = try #require(rebuild.comparison)
                #expect(comparison.isIdentical, "\(rows): \(comparison.sample)")
            }
        }
    }

    @Test func `lets readings that no clock can date stay where they arrived`() async throws {
        try await PostgresLog.with { log in
            var random = Random(state: 5)
            let (_, late) = messages(&random, oldest: 5_000)
            let all = late.map { Message(made: $0.made, arrival: noon, value: $0.value) }
            // It is set before it is known; another one is known, but as one that cannot have made these.
            for (device, ahead) in [("a", Duration.zero), ("b", .seconds(7_200))] {
                try await record([], by: device, in: log)
                try await send(all, ahead: .seconds(-1_795_000_000), by: device, log)
                let live = (1..<10).map { minute in
                    Message(made: noon + .seconds(minute * 60), arrival: noon + .seconds(minute * 60), value: 99)
                }
                try await send(live, ahead: ahead, by: device, log)
            }
            try await withView(log) { queries in
                for device in ["a", "b"] {
                    let found = try await queries.windows(wanted(device, .minute), scope: .all)
                    #expect(found.first?.start == noon && found.first?.summary.count == 60)
                    #expect(found.first?.summary.minimum == late.map(\.value).min())
                }
            }
            #expect(try #require(try await log.rebuild("telemetry").comparison).isIdentical)
        }
    }

    @Test(arguments: [0, 10, 150_000]) func `is rebuilt the same, however few of its windows stay in memory`(
        _ rows: Int
    ) async throws {
        try await PostgresLog.with { log in
            var random = Random(state: 11)
            for (number, device) in ["a", "b", "c"].enumerated() {
                // Most come in time; a few are of any time before.
                let readings = (0..<120).map { place in
                    let late = place.isMultiple(of: 9) ? Int64.random(in: 0..<7_200, using: &random) : 0
                    return Sent(
                        value: .number(Double.random(in: -5e12...5e12, using: &random)),
                        time: noon + .seconds(Int64(600 * place + number) - late))
                }
                try await record(readings, of: number == 2 ? "x/y" : "temperature", by: device, in: log)
            }
            try await withView(log) { _ in }
            var pace = RebuildPace.eager
            pace.rows = rows
            pace.copyChunk = 7
            // Throttled, rows are in the table before the next part is folded; otherwise they are stored meanwhile.
            for (limit, part) in [(200, 50), (nil, 3), (nil, 40)] {
                pace.part = part
                let begun = try await log.rebuilds().start(
                    "telemetry", eventLimit: limit, acceptingLoss: false, askedBy: "a test")
                let rebuild = try await log.withRebuilding(pace: pace) { try await log.end(of: begun) }
                let comparison = try #require(rebuild.comparison)
                #expect(comparison.isIdentical && comparison.nextRows >= 60)
            }
        }
    }

    @Test func `has another digest once any column of any row is another, and when two rows change places in one`()
        async throws
    {
        try await PostgresLog.with { log in
            let made = try await log.number(
                """
                with made as (
                    insert into telemetry_windows (
                        generation, device, metric, length, start, account, count, minimum, maximum, last, last_time, sum,
                        squares, unsummed, provisional, minutes)
                    select generation, 'd' || n, 'm' || n, 60 * n, timestamptz '2026-11-22 10:00' + n * interval '1 day',
                        'a' || n, n, n, n, n, timestamptz '2026-11-22 10:00:12' + n * interval '1 day', n, n, n,
                        to_jsonb(n), decode('0' || n, 'hex')
                    from generate_series(1, 2) as r (n), generate_series(7, 8) as g (generation)
                    returning 1
                ) select count(*) from made
                """)
            #expect(made == 4)
            let columns = try await log.texts(
                """
                select column_name::text from information_schema.columns
                where table_name = 'telemetry_windows' and column_name <> 'generation' order by ordinal_position
                """)
            #expect(columns.count > 10)
            try await log.pool.withConnection { connection in
                let same = try await RowDigest.of([7, 8, 9], of: TelemetryProjection.self, on: connection)
                #expect(same[0] == same[1] && same[0].rows == 2)
                #expect(same[2] == RowDigest(rows: 0, digest: "0"))
                for column in columns {
                    let swap = """
                        update telemetry_windows w set \(column) = o.\(column) from telemetry_windows o
                        where w.generation = 8 and o.generation = 7 and w.device <> o.device
                        """
                    let changed = """
                        \(swap) and w.device = 'd1'
                        """
                    for change in [changed, swap] {
                        _ = try await connection.query(Statement.begin())
                        _ = try await connection.query(Statement.unprepared("change", change, effect: .writes)())
                        let now = try await RowDigest.of([7, 8], of: TelemetryProjection.self, on: connection)
                        #expect(now[0] == same[0])
                        #expect(now[1].digest != same[1].digest, "\(column) does not count")
                        _ = try await connection.query(Statement.rollback())
                    }
                }
            }
        }
    }

    @Test func `answers page by page, within an account, and with what is nested below a metric`() async throws {
        try await PostgresLog.with { log in
            let readings = (0..<7).map { Sent(value: .number(Double($0)), time: noon + .seconds(Int64($0) * 60)) }
            try await record(readings, of: "battery.voltage", by: "a", in: log)
            try await record(readings, of: "batteryless", by: "b", in: log)
            // A hyphen comes before a dot.
            try await record(readings, of: "battery-old", by: "e", in: log)
            try await record(
                [Sent(value: .flag(true), time: noon), Sent(value: .text("x"), time: noon)], by: "c", in: log)
            try await withView(log) { queries in
                var (seen, question) = ([MetricWindow](), wanted("a", .minute, ["battery"], limit: 3))
                while true {
                    let page = try await queries.windows(question, scope: .only(.default))
                    seen += page
                    if page.count < 3 { break }
                    question.after = page.last?.place
                }
                #expect(seen.map(\.summary.last) == [0, 1, 2, 3, 4, 5, 6])
                for other in ["b", "e"] {
                    #expect(try await queries.windows(wanted(other, .minute, ["battery"]), scope: .all).isEmpty)
                }
                let elsewhere = AccountScope.only(AccountID("other"))
                #expect(try await queries.windows(wanted("a", .minute, ["battery"]), scope: elsewhere).isEmpty)
                let flags = try await queries.windows(wanted("c", .hour), scope: .all)
                #expect(flags.map(\.summary.count) == [1] && flags.first?.summary.mean == 1)
            }
        }
    }
}

@Suite(.timeLimit(.minutes(2))) struct `Minutes of a device that has moved` {
    @Test(arguments: [1, 2, 3, 7, 60, 500]) func `come in their order, whosever they were, page by page`(
        _ limit: Int
    ) async throws {
        try await PostgresLog.with { log in
            var random = Random(state: UInt64(limit))
            var hours: [String: TelemetryHour] = [:]
            var expected: Set<WindowsWanted.Place> = []
            for _ in 0..<300 {
                let account = ["ada", "bob"][Int.random(in: 0..<2, using: &random)]
                let metric = ["level", "level.left", "level.right"][Int.random(in: 0..<3, using: &random)]
                let time = noon + .seconds(60 * Int64.random(in: 0..<400, using: &random))
                let hour = TelemetryHour(
                    device: "a", account: account, metric: metric, start: WindowLength.hour.start(of: time), 1,
                    at: time)
                let id = TelemetryProjection.id(of: hour)
                if hours[id]?.insert(1, at: time, nil) == nil { hours[id] = hour }
                expected.insert(.init(metric: metric, start: time, account: account))
            }
            let store = TelemetryProjection.store(Array(hours.values), generation: 1)
            _ = try await log.pool.withConnection { try await $0.query(store) }

            let (from, to) = (noon + .seconds(60 * 17), noon + .seconds(60 * 333))
            var question = WindowsWanted(
                device: "a", metrics: ["level"], resolution: .minute, from: from, to: to, after: nil, limit: limit)
            let queries = PostgresFleetQueries(pool: log.pool)
            for account in [nil, "ada"] {
                let scope = account.map { AccountScope.only(AccountID($0)) } ?? .all
                var found: [WindowsWanted.Place] = []
                question.after = nil
                while true {
                    let page = try await queries.windows(question, scope: scope).map(\.place)
                    found += page
                    if page.count < limit { break }
                    question.after = page.last
                }
                let wanted = expected.filter { place in
                    from <= place.start && place.start < to && (account == nil || place.account == account)
                }
                #expect(found == wanted.sorted())
            }
        }
    }
}

@Suite(.timeLimit(.minutes(2))) struct `Windows that a page of the log touches` {
    @Test func `are looked up one by one, however many there are beside them`() async throws {
        try await PostgresLog.with { log in
            let pool = PostgresPool(
                url: try DatabaseURL(log.database.superuserURL), size: 1, threads: [log.thread],
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            defer { pool.close() }
            let fill = Statement.unprepared(
                "fill windows",
                """
                insert into telemetry_windows
                select 1, 'd' || n % 10, 'm', 3600, to_timestamp(3600 * n), 'default', 1, 1, 1, 1, now(), 1, 1, 0, null, '\\x01'
                from generate_series($1::int, $2::int) n
                """, effect: .writes)
            let ids = (0..<100).map { "d\($0 % 10)/default/3600/\($0 * 3600)/m" }
            let load = { (connection: PostgresConnection) in
                try await connection.query(TelemetryProjection.load(ids, generation: 1)).count
            }
            try await pool.withConnection { connection in
                _ = try await connection.query(fill(.int4(0), .int4(199)))
                _ = try await connection.query(Statement.unprepared("analyze", "analyze telemetry_windows")())
                // After five times Postgres keeps the plan of a prepared statement.
                for _ in 0..<10 { #expect(try await load(connection) == 100) }
                _ = try await connection.query(fill(.int4(200), .int4(20_000)))
            }
            let rows = RowsRead(of: ["telemetry_windows"], by: pool)
            let before = try await rows.count()
            #expect(try await pool.withConnection(load) == 100)
            #expect(try await rows.count() - before < 1_000)
        }
    }

    @Test func `are read for a question as far as it asks, however often it was asked before`() async throws {
        try await PostgresLog.with { log in
            let pool = PostgresPool(
                url: try DatabaseURL(log.database.superuserURL), size: 1, threads: [log.thread],
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            defer { pool.close() }
            let hours = (0..<2_000).map { number in
                let start = Timestamp(microseconds: Int64(number / 20) * 3_600_000_000)
                return (0..<60).reduce(into: TelemetryHour?.none) { hour, minute in
                    let time = start + .seconds(60 * minute)
                    if hour?.insert(1, at: time, nil) == nil {
                        hour = TelemetryHour(
                            device: "d\(number % 10)", account: "default", metric: "m\(number / 10 % 2)", start: start,
                            1,
                            at: time)
                    }
                }
            }
            let store = TelemetryProjection.store(hours.compactMap(\.self), generation: 1)
            _ = try await pool.withConnection { try await $0.query(store) }
            let queries = PostgresFleetQueries(pool: pool)
            let rows = RowsRead(of: ["telemetry_windows"], by: pool)
            let before = try await rows.count()
            let (from, to) = (Timestamp(microseconds: 60_000_000_000), Timestamp(microseconds: 63_600_000_000))
            for _ in 0..<10 {
                let windows = try await queries.windows(
                    WindowsWanted(
                        device: "d3", metrics: ["m1"], resolution: .minute, from: from, to: to, after: nil, limit: 100),
                    scope: .all)
                #expect(windows.count == 60)
                #expect(try await queries.minutes(of: "m1", device: "d3", from: from, to: to, scope: .all).count == 60)
            }
            // Both hours each time, and none of another metric, device or time.
            let count = try await rows.count() - before
            #expect(count == 20 * 2)
        }
    }
}
