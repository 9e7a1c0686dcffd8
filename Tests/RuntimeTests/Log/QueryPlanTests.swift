import Foundation
import Logging
import Support
import Testing

@testable import Runtime

@Suite(.serialized) struct `The plan of a statement` {
    private let plenty = 12_000

    /// A log of three partitions of each class, full enough that reading one from end to end would be a mistake.
    private func withLog(_ body: @Sendable @escaping (PostgresLog) async throws -> Void) async throws {
        try await PostgresLog.with { log in
            try await log.usePartitions(of: 4_000)
            for number in 0..<plenty / 100 {
                let (place, isLifecycle) = (number / 2, number.isMultiple(of: 2))
                let stream = StreamName(category: isLifecycle ? "plan" : "device", id: "\(place % 10)")
                let events: [NewEvent] = .samples(100, class: isLifecycle ? .lifecycle : .telemetry)
                _ = try await log.store.append(
                    Append([StreamChange(stream, expecting: Int64(place / 10) * 100, events: events)]))
            }
            try await log.asSuperuser("analyze events")
            try await body(log)
        }
    }

    private func plan(_ bound: BoundStatement, in log: PostgresLog) async throws -> String {
        try await plan([bound], in: log)
    }

    /// The plan of the last one, asked for in the place where it stands.
    private func plan(
        _ statements: [BoundStatement], in log: PostgresLog, options: String = "costs off"
    ) async throws -> String {
        let bound = try #require(statements.last)
        let explained = Statement.unprepared("explain", "explain (\(options)) " + bound.statement.sql)
        let results = try await log.pool.withConnection { connection in
            try await connection.run(
                statements.dropLast() + [BoundStatement(statement: explained, parameters: bound.parameters)])
        }
        return try results[statements.count - 1].map { try $0.text(0) }.joined(separator: "\n")
    }

    /// How many blocks the last one reads.
    private func blocks(of statements: [BoundStatement], in log: PostgresLog) async throws -> Int {
        struct Explained: Decodable {
            struct Plan: Decodable {
                let hit: Int
                let read: Int

                enum CodingKeys: String, CodingKey {
                    case hit = "Shared Hit Blocks"
                    case read = "Shared Read Blocks"
                }
            }

            let plan: Plan

            enum CodingKeys: String, CodingKey { case plan = "Plan" }
        }
        let json = try await plan(statements, in: log, options: "analyze, buffers, format json")
        let explained = try JSONDecoder().decode([Explained].self, from: Data(json.utf8))
        return try #require(explained.first).plan.hit + explained[0].plan.read
    }

    @Test func `that appends probes indexes, and only of partitions behind what is known`() async throws {
        try await withLog { log in
            let connection = try await PostgresConnection.connect(
                to: try DatabaseURL(log.database.serverURL), on: log.thread, logger: Logger(label: "test"))
            for setting in AppendStatements.session { _ = try await connection.query(setting()) }
            try await connection.runScript("prepare planned as \(AppendStatements.append.sql)")
            let arguments = Array(repeating: "null", count: 23).joined(separator: ", ")
            func plan(from position: Int) async throws -> String {
                let rows = try await connection.query(
                    Statement.unprepared("explain", "explain execute planned(\(arguments), \(position), \(position))")()
                )
                return try rows.map { try $0.text(0) }.joined(separator: "\n")
            }
            let whole = try await plan(from: 0)
            #expect(whole.contains("events_telemetry_1_stream_version_key"))
            #expect(!whole.contains("Seq Scan on events"), "\(whole)")
            let known = try await plan(from: 9_000)
            #expect(known.contains("Subplans Removed"), "\(known)")
            await connection.close()
        }
    }

    @Test func `that asks whose a stream is looks at the stream alone, and at no telemetry`() async throws {
        try await withLog { log in
            let bound = StreamOwners.includesAccount(.text("plan-3"), .text("other"))
            let asked = try await plan(bound, in: log)
            #expect(asked.contains("stream_version_key"), "\(asked)")
            #expect(!asked.contains("telemetry") && !asked.contains("account_idx"), "\(asked)")
        }
    }

    @Test func `that reads a stream uses an index, and only of partitions behind what is known`() async throws {
        try await withLog { log in
            let stream = StreamName(category: "device", id: "3")
            let read = try await plan(
                ReadStatements.stream(
                    stream, from: 550, in: ReadWindow(after: 9_300, length: 600), limit: 10, telemetry: true), in: log)
            #expect(read.contains("using events_telemetry_8001_"), "\(read)")
            #expect(!read.contains("Seq Scan"), "\(read)")
            #expect(!read.contains("_4001"), "\(read)")
            let stretch = ReadStatements.stretch(
                stream, versions: 550..<570, in: ReadWindow(after: 9_300, length: 600), telemetry: true)
            let readAtOnce = try await plan(stretch, in: log)
            #expect(readAtOnce.contains("Bitmap Index Scan on events_telemetry_8001_stream"), "\(readAtOnce)")
            #expect(!readAtOnce.contains("Seq Scan"), "\(readAtOnce)")
            #expect(!readAtOnce.contains("BitmapAnd"), "\(readAtOnce)")
            #expect(!readAtOnce.contains("_4001"), "\(readAtOnce)")
            let tails = try await plan(
                ReadStatements.tails(of: [[StreamPlace(stream, at: 550, position: 9_300)]], limit: 10) { _ in true },
                in: log)
            #expect(tails.contains("events_telemetry_8001_stream_version_key"), "\(tails)")
            #expect(!tails.contains("Seq Scan"), "\(tails)")
            #expect(!tails.contains("_4001"), "\(tails)")
        }
    }

    @Test func `that asks where a stream goes on looks at the partition of the position alone`() async throws {
        try await PostgresLog.with { log in
            let stream = StreamName(category: "device", id: "3")
            for (position, partition) in [(10_000_000, "_1"), (10_000_001, "_10000001")] as [(Int64, String)] {
                let place = try await plan(ReadStatements.place(of: stream, at: position), in: log)
                let names = Set(place.matches(of: /events_telemetry(_\d+)/).map { String($0.1) })
                #expect(names == [partition], "\(place)")
            }
        }
    }

    @Test func `that reads a page of a stream reads about a page, where nothing is known of the partition`()
        async throws
    {
        try await PostgresLog.with { log in
            try await log.ofEachPartition("alter table %I set (autovacuum_enabled = off)")
            let (long, other) = (StreamName(category: "device", id: "1"), StreamName(category: "device", id: "2"))
            for page in 0..<55 {
                let isLong = page < 50
                _ = try await log.store.append(
                    Append([
                        StreamChange(
                            isLong ? long : other, expecting: Int64(isLong ? page : page - 50) * 1_000,
                            events: .samples(1_000, class: .telemetry))
                    ]))
            }
            for version: Int64 in [0, 10_000, 49_500] {
                let place = StreamPlace(long, at: version, position: version)
                let page = ReadStatements.stream(
                    long, from: version + 1, in: ReadWindow(after: version, length: ReadWindow.partition), limit: 100,
                    telemetry: true)
                let blocks = try await blocks(of: page, in: log)
                #expect(blocks < 50, "of a page behind version \(version)")
                let stretch = ReadStatements.stretch(
                    long, versions: (version + 1)..<(version + 101),
                    in: ReadWindow(after: version, length: ReadWindow.partition), telemetry: true)
                let blocksOfStretch = try await self.blocks(of: stretch, in: log)
                #expect(blocksOfStretch < 50, "of the versions behind \(version)")
                #expect(try await plan(stretch, in: log).contains("BitmapAnd") == false)
                let blocksOfPlace = try await self.blocks(of: ReadStatements.place(of: long, at: version), in: log)
                #expect(blocksOfPlace < 200, "of the place at position \(version)")
                for known in [place, StreamPlace(long, at: version, position: 0)] {
                    let tails = [known, StreamPlace(other, at: 0, position: 0)]
                    let blocksOfTails = try await self.blocks(
                        of: ReadStatements.tails(of: [tails], limit: 100) { _ in true }, in: log)
                    #expect(blocksOfTails < 100, "of two tails, the first behind version \(version)")
                }
            }
            let read = try await log.store.readStream(long, from: 10_001, limit: 100)
            #expect(read.map(\.version) == Array(10_001...10_100))
            // Whoever has the connection next may sort, and use an index as it likes.
            try await log.pool.withConnection { connection in
                let window = ReadWindow(after: 0, length: 100)
                _ = try await connection.run(
                    ReadStatements.stream(long, from: 1, in: window, limit: 1, telemetry: true))
                _ = try await connection.run(
                    ReadStatements.stretch(long, versions: 1..<2, in: window, telemetry: true))
                for name in ["enable_sort", "enable_indexscan"] {
                    let setting = try await connection.query(Statement.unprepared("show", "show \(name)")())
                    #expect(try setting.first?.text(0) == "on")
                }
            }
        }
    }

    @Test func `asks the disk ahead, but of a Postgres that is set not to`() async throws {
        try await PostgresLog.with { log in
            let show = Statement.unprepared("show", "show effective_io_concurrency")
            for (set, used) in [("0", "0"), ("1", "64")] {
                let session = Statement.unprepared("set", "set effective_io_concurrency = \(set)")
                let shown = try await log.pool.withConnection { connection in
                    try await connection.run([session(), Statement.readPagesAtOnce(), show()])[2]
                }
                #expect(try shown.first?.text(0) == used)
            }
            let stream = StreamName.fresh("plan")
            _ = try await log.store.append(Append([StreamChange(stream, expecting: 0, events: .samples(20))]))
            #expect(try await log.store.readStream(stream, from: 1, limit: 100).count == 20)
        }
    }

    /// Each thing that may be asked for, asked for or not.
    private var filters: [LogFilter] {
        let (stream, id) = (StreamName(category: "device", id: "3"), UUID128.v7())
        var filters = [LogFilter.everything]
        for ask: (inout LogFilter) -> Void in [
            { $0.category = "plan" }, { $0.type = "Sampled" }, { $0.scope = .only(AccountID("acme")) },
            { $0.stream = stream }, { $0.principal = .user("ada") }, { $0.correlationID = id },
        ] {
            filters += filters.map { filter in
                var filter = filter
                ask(&filter)
                return filter
            }
        }
        return filters
    }

    @Test func `that reads the log uses an index of the window's partitions, whatever is asked for`() async throws {
        try await withLog { log in
            let window = ReadWindow(after: 5_100, length: 50)
            for filter in filters {
                let everything = try await plan(
                    ReadStatements.log(in: window, where: filter, limit: 10, telemetry: true), in: log)
                #expect(!everything.contains("Seq Scan"), "\(filter): \(everything)")
                #expect(everything.contains("events_telemetry_4001"), "\(filter): \(everything)")
                #expect(!everything.contains("_8001"), "\(filter): \(everything)")
                // What is not asked for has left the plan.
                #expect(!everything.contains("NULL"), "\(filter): \(everything)")
                let lifecycle = try await plan(
                    ReadStatements.log(in: window, where: filter, limit: 10, telemetry: false), in: log)
                #expect(lifecycle.contains("events_lifecycle_4001"), "\(filter): \(lifecycle)")
                #expect(!lifecycle.contains("telemetry"), "\(filter): \(lifecycle)")
            }
        }
    }

    @Test func `that searches the log follows an index, and looks at no reading`() async throws {
        try await withLog { log in
            for statement in [
                SearchStatements.streams(after: "plan-3", category: "plan", limit: 10),
                SearchStatements.effects(.uuidArray([.v7()]), .int8(10)),
                SearchStatements.acts(ActFilter(scope: .all), before: nil, limit: 10),
                SearchStatements.acts(
                    ActFilter(scope: .only(AccountID("acme")), principal: .user("ada")), before: 9_000, limit: 10),
                ReadStatements.log(
                    in: ReadWindow(after: 0, length: 12_000), where: LogFilter(scope: .all, principal: .user("ada")),
                    limit: 10, telemetry: false),
                ReadStatements.log(
                    in: ReadWindow(after: 0, length: 12_000), where: LogFilter(scope: .all, correlationID: .v7()),
                    limit: 10, telemetry: false),
            ] {
                let plan = try await plan(statement, in: log)
                // The partition that is made ahead is empty.
                #expect(!plan.replacing("Seq Scan on events_lifecycle_12001", with: "").contains("Seq Scan"), "\(plan)")
                #expect(!plan.contains("events_telemetry"), "\(plan)")
            }
        }
    }

    @Test func `that looks for what people did passes by what they have read`() async throws {
        try await withLog { log in
            for (category, count) in [("plan", 1), ("access", 500)] {
                var events: [NewEvent] = .samples(count)
                for index in events.indices { events[index].metadata.principal = .user("ada") }
                _ = try await log.store.append(
                    Append([StreamChange(.fresh(category), expecting: 0, events: events)]))
            }
            try await log.asSuperuser("analyze events")
            let account = NewEvent.sample().metadata.account
            for scope in [AccountScope.all, .only(account)] {
                let filter = ActFilter(scope: scope, leavesOut: "access")
                let plan = try await plan(
                    [SearchStatements.acts(filter, before: nil, limit: 10)], in: log,
                    options: "analyze, costs off, timing off")
                #expect(plan.contains("acts_idx"), "\(plan)")
                #expect(!plan.contains("Rows Removed by Filter: 500"), "\(plan)")
            }
        }
    }

    @Test func `that copies a part of the log goes by the index and sorts nothing`() async throws {
        try await PostgresLog.with { log in
            for _ in 0..<10 {
                _ = try await log.store.append(
                    Append([StreamChange(.fresh("plan"), expecting: 0, events: .samples(1_000))]))
            }
            let connection = try await PostgresConnection.connect(
                to: try DatabaseURL(log.database.superuserURL), on: log.thread, logger: Logger(label: "test"))
            try await connection.runScript("analyze events")
            _ = try await connection.query(ReadStatements.bounds(after: 2_000, through: 4_000, category: "plan"))
            for copy in [ReadStatements.logByCopy, ReadStatements.categoryByCopy] {
                let query = copy.sql.dropFirst("copy (".count)
                let end = try #require(query.range(of: ") to stdout", options: .backwards)).lowerBound
                let rows = try await connection.query(
                    Statement.unprepared("explain", "explain \(query[..<end])")())
                let plan = try rows.map { try $0.text(0) }.joined(separator: "\n")
                #expect(plan.contains("Index Scan"), "\(plan)")
                #expect(!plan.contains("Sort  ("), "\(plan)")
            }
            await connection.close()
        }
    }
}
