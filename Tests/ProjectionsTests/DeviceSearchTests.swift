import Aggregates
import Support
import Testing

@testable import Projections
@testable import Runtime

@Suite(.timeLimit(.minutes(5))) struct `The search for devices` {
    private let noon = Timestamp(microseconds: 1_795_262_400_000_000)
    private let orders = DeviceOrder.Key.allCases.flatMap {
        [DeviceOrder(by: $0), DeviceOrder(by: $0, isDescending: true)]
    }

    private func store(_ rows: [DeviceRow], in log: PostgresLog, generation: Int32 = 1) async throws {
        _ = try await log.pool.withConnection {
            try await $0.query(DevicesProjection.store(rows, generation: generation))
        }
    }

    private func someDevice(_ number: Int, _ random: inout some RandomNumberGenerator) -> DeviceRow {
        func one<Value>(_ values: [Value]) -> Value { values[Int.random(in: values.indices, using: &random)] }
        let text: String = one(["Hall 1", "hall 12", "Über 100%", "a_b"])
        let latitude: Double = one([-90, 0, 47.5, 90])
        let longitude: Double = one([-180, -179, 0, 8.5, 180])
        let places: [Location?] = [
            nil, Location(text: text), Location(latitude: latitude, longitude: longitude, text: text),
        ]
        var connectivity = Connectivity()
        if one([true, false]) { connectivity.hear() }
        var clock = DeviceClock()
        if one([true, false, false]) { clock.announce(1_000_000) }
        let account: String = one(["default", "north"])
        let serial: String = one(["SN-", "sn_", "x%"])
        let type: String = one(["smoke", "water"])
        let name: String = one(["Kitchen", "kitchen", "Äther \\ 1", "Zoo"])
        let allLabels: [[String: String]] = [
            [:], ["floor": "3"], ["floor": "3", "b:c": "Y 1"], ["floor": "33"],
        ]
        let states: [Device.Status] = [.provisioned, .active, .quarantined, .retired]
        let observed: [Int64?] = [nil, 0, 1, 7_200, -60_000_000_000]
        let registered: Int64 = one([0, 1, 2])
        var row = DeviceRow(
            id: "d\(number)", account: AccountID(account), serial: "\(serial)\(number)", type: DeviceType(type),
            name: name, labels: one(allLabels), location: one(places), metadata: [:], state: one(states),
            quarantine: nil, registeredTime: noon + .seconds(registered), lastSeenTime: nil,
            lastObservedTime: one(observed).map { noon + .seconds($0) }, readings: [:], telemetryCount: 0,
            duplicateCount: 0, refusedCount: 0, flaggedCount: 0, lateCount: 0, readingOrder: nil,
            latestFlagged: nil, clock: clock,
            connectivity: connectivity, claim: nil, version: 1)
        if row.state == .quarantined { row.metadata = ["a": .number(1)] }
        return row
    }

    private var filters: [DeviceFilter] {
        func filter(_ change: (inout DeviceFilter) -> Void) -> DeviceFilter {
            var filter = DeviceFilter()
            change(&filter)
            return filter
        }
        let places = [
            GeographicArea(west: -180, south: -90, east: 180, north: 90),
            GeographicArea(west: 8, south: 47, east: 9, north: 48),
            GeographicArea(west: 170, south: -90, east: -170, north: 90),
        ]
        let texts = ["KITCH", "%", "_", "\\", "d1", "sn-1", "Floor:3", "äther", "nowhere", "b:c:y", "water"]
        return [DeviceFilter()] + texts.map { text in filter { $0.text = text } }
            + places.map { area in filter { $0.area = area } }
            + ["hall 1", "ü", "A_", "x"].map { place in filter { $0.place = place } }
            + [
                filter { $0.labels = ["floor": "3"] }, filter { $0.labels = ["floor": "3", "b:c": "Y 1"] },
                filter { $0.type = DeviceType("water") }, filter { $0.state = .retired },
                filter { $0.hasDrifted = true }, filter { $0.connectivity = .online },
                filter { $0.isSilentSince = noon + .seconds(1) }, filter { $0.hasReadingSince = noon + .seconds(1) },
                filter {
                    $0.hasReadingSince = noon
                    $0.isSilentSince = noon + .seconds(3_600)
                    $0.text = "kit"
                    $0.state = .active
                },
            ]
    }

    /// Asks every question of the database and of the rows, page by page.
    private func compare(_ rows: [DeviceRow], in log: PostgresLog) async throws {
        let queries = PostgresFleetQueries(pool: log.pool)
        for (number, filter) in filters.enumerated() {
            for order in number == 0 ? orders : [orders[number % orders.count]] {
                for scope in [AccountScope.all, .only(AccountID("north"))] {
                    let all = rows.asked(scope: scope, where: filter, in: order, after: nil, limit: .max)
                    var found: [DeviceRow] = []
                    while true {
                        let page = try await queries.devices(
                            scope: scope, where: filter, in: order, after: found.last?.place(in: order), limit: 23)
                        found += page
                        if page.count < 23 { break }
                    }
                    #expect(found == all, "\(filter), \(order), \(scope)")
                }
            }
        }
    }

    @Test func `answers as if each device were looked at, page by page in every order`() async throws {
        try await PostgresLog.with { log in
            var random = SeededNumbers(state: 7)
            var rows = (0..<120).map { someDevice($0, &random) }
            try await store(rows, in: log)
            // Another generation, of which nothing may be seen.
            try await store((0..<50).map { someDevice($0 + 100, &random) }, in: log, generation: 2)
            try await compare(rows, in: log)
            for number in rows.indices where number % 3 == 0 { rows[number] = someDevice(number, &random) }
            try await store(rows, in: log)
            let gone = rows.removeLast().id
            _ = try await log.pool.withConnection {
                try await $0.query(DevicesProjection.remove([gone], generation: 1))
            }
            try await compare(rows, in: log)
        }
    }

    private func plan(_ search: DeviceSearch, in log: PostgresLog) async throws -> String {
        let bound = search.statement
        let explained = Statement.unprepared("explain", "explain (costs off) " + bound.statement.sql)
        let rows = try await log.pool.withConnection {
            try await $0.query(BoundStatement(statement: explained, parameters: bound.parameters))
        }
        return try rows.map { try $0.text(0) }.joined(separator: "\n")
    }

    @Test func `goes by an index in every order, and asks only what it was asked`() async throws {
        try await PostgresLog.with { log in
            var random = SeededNumbers(state: 10)
            try await store((0..<3_000).map { someDevice($0, &random) }, in: log)
            try await log.asSuperuser("analyze devices, device_search, device_last_readings")
            var online = DeviceFilter(connectivity: .online)
            online.type = DeviceType("smoke")
            for order in orders {
                for filter in [DeviceFilter(), online] {
                    for place in [nil, someDevice(1_500, &random).place(in: order)] {
                        let plan = try await plan(
                            DeviceSearch(
                                filter, scope: .all, in: order, after: place, limit: 20, generation: nil), in: log)
                        #expect(!plan.contains("NULL"), "\(order), \(filter): \(plan)")
                        #expect(!plan.contains("Seq Scan on device"), "\(order), \(filter): \(plan)")
                    }
                }
            }
        }
    }

    /// What few devices have, by the index that finds them.
    private var rarities: [(index: String, filter: DeviceFilter)] {
        func filter(_ change: (inout DeviceFilter) -> Void) -> DeviceFilter {
            var filter = DeviceFilter()
            change(&filter)
            return filter
        }
        let far = noon + .seconds(100_000_000)
        return [
            ("words", filter { $0.text = "cellar" }), ("labels", filter { $0.labels = ["rare": "1"] }),
            ("place", filter { $0.area = GeographicArea(west: 1, south: 1, east: 2, north: 2) }),
            ("place", filter { $0.area = GeographicArea(west: 179.5, south: 1, east: -179.5, north: 2) }),
            ("place_name", filter { $0.place = "attic" }), ("type", filter { $0.type = DeviceType("rare") }),
            ("last_observed", filter { $0.hasReadingSince = far }), ("clock_drift", filter { $0.hasDrifted = true }),
            ("flapping", filter { $0.connectivity = .flapping }), ("state", filter { $0.state = .retired }),
        ]
    }

    @Test func `finds the few that are asked for by the index over what they have`() async throws {
        try await PostgresLog.with { log in
            var random = SeededNumbers(state: 11)
            let rows = (0..<3_000).map { number in
                var row = someDevice(number, &random)
                (row.clock, row.connectivity, row.state) = (DeviceClock(), Connectivity(), .active)
                return row
            }
            try await store(rows, in: log)
            // Words that wait to be put into their index make it look dear.
            try await log.asSuperuser("vacuum analyze devices, device_search, device_last_readings")
            for (index, filter) in rarities {
                let plan = try await plan(
                    DeviceSearch(filter, scope: .all, in: .byID, after: nil, limit: 100, generation: nil), in: log)
                #expect(plan.contains("\(index)_idx"), "\(filter): \(plan)")
            }
        }
    }

    @Test func `has a statement for each order, over the narrow rows alone where these say it`() {
        let statements = DeviceSearchStatement.allCases.map(\.statement)
        #expect(Set(statements.map(\.name)).count == statements.count)
        #expect(statements.count == 22)
    }

    @Test func `goes on at its place while devices change`() async throws {
        try await PostgresLog.with { log in
            var random = SeededNumbers(state: 8)
            var rows = (0..<9).map { someDevice($0, &random) }
            for number in rows.indices { rows[number].name = "n\(number)" }
            try await store(rows, in: log)
            let (queries, order) = (PostgresFleetQueries(pool: log.pool), DeviceOrder(by: .name))
            let first = try await queries.devices(
                scope: .all, where: DeviceFilter(), in: order, after: nil, limit: 4)
            #expect(first.map(\.name) == ["n0", "n1", "n2", "n3"])
            // The one at the place goes elsewhere, another one comes before it.
            rows[3].name = "n9"
            rows[8].name = "n00"
            try await store(rows, in: log)
            let rest = try await queries.devices(
                scope: .all, where: DeviceFilter(), in: order, after: first.last?.place(in: order), limit: 9)
            #expect(rest.map(\.name) == ["n4", "n5", "n6", "n7", "n9"])
        }
    }

    @Test func `finds a device that becomes active without a new narrow row`() async throws {
        try await PostgresLog.with { log in
            var random = SeededNumbers(state: 10)
            var rows = (0..<3).map { someDevice($0, &random) }
            for number in rows.indices { (rows[number].state, rows[number].name) = (.provisioned, "n\(number)") }
            func narrow() async throws -> [String] {
                try await log.pool.withConnection {
                    try await $0.query(
                        Statement.unprepared("narrow", "select id || xmin::text from device_search order by id")())
                }.map { try $0.text(0) }
            }
            try await store(rows, in: log)
            let before = try await narrow()
            rows[1].state = .active
            rows[1].connectivity.hear()
            try await store(rows, in: log)
            #expect(try await narrow() == before)
            try await compare(rows, in: log)
            rows[2].name = "other"
            try await store(rows, in: log)
            #expect(try await narrow() != before)
        }
    }

    @Test func `leaves nothing behind when a generation goes`() async throws {
        try await PostgresLog.with { log in
            var random = SeededNumbers(state: 9)
            try await store((0..<20).map { someDevice($0, &random) }, in: log, generation: 3)
            func count() async throws -> Int64? {
                try await log.pool.withConnection {
                    try await $0.query(
                        Statement.unprepared(
                            "count",
                            """
                            select (select count(*) from device_search where generation = 3)
                                + (select count(*) from device_last_readings where generation = 3)
                            """)())
                }.first?.int8(0)
            }
            #expect(try await count() == 40)
            _ = try await log.pool.withConnection { try await $0.query(DevicesProjection.drop(3, limit: 1_000)) }
            #expect(try await count() == 0)
        }
    }
}

/// Random numbers that come again with their seed.
private struct SeededNumbers: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return (state >> 32) | (state << 32)
    }
}
