import Support
import Testing

@testable import Runtime

@Suite struct `A copy into Postgres` {
    private static let copy = Statement.unprepared("copy rows", "copy copied from stdin (format binary)")

    private static let table = """
        create temp table copied (
            n bigint primary key, t text not null, r double precision not null, i timestamptz not null, s numeric not null)
        """

    private static let slowly = """
        ; create function pg_temp.wait() returns trigger language plpgsql as
            'begin perform pg_sleep(10); return new; end';
        create trigger wait before insert on copied for each row execute function pg_temp.wait()
        """

    private func rows(_ numbers: Range<Int64>) -> CopyBuffer {
        var rows = CopyBuffer(capacity: numbers.count * 100)
        for number in numbers {
            rows.row(5)
            rows.integer(number)
            rows.text("row \(number)")
            rows.float8(Double(number) / 8)
            rows.timestamp(Timestamp(microseconds: number))
            rows.numeric(Int128(number) * 1_000_000)
        }
        return rows
    }

    private func count(on connection: PostgresConnection) async throws -> Int64? {
        try await connection.query(Statement("count_copied", "select count(*) from copied")()).first?.int8(0)
    }

    @Test func `takes every row as it is, far more than a socket holds, behind another statement`() async throws {
        try await TestPostgres.withConnection { connection in
            try await connection.runScript(Self.table)
            async let before = connection.query(Statement("before", "select 1")())
            async let copied: Void = connection.copyIn(Self.copy, rows(0..<100_000))
            _ = try await (before, copied)
            let after = try await connection.query(
                Statement(
                    "right",
                    """
                    select count(*) from copied where t = 'row ' || n and r = n / 8.0 and s = n * 1000000
                        and i = to_timestamp(0) + n * interval '1 microsecond'
                    """)())
            #expect(try after.first?.int8(0) == 100_000)
            #expect(connection.isIdle)
        }
    }

    @Test func `takes every time as a statement's parameter does, also those that Postgres does not have`() async throws
    {
        let times = [Timestamp(microseconds: .min), Timestamp(microseconds: 0), Timestamp(microseconds: .max)]
        try await TestPostgres.withConnection { connection in
            try await connection.runScript("create temp table copied (n bigint, i timestamptz)")
            var rows = CopyBuffer(capacity: 64)
            for (number, time) in times.enumerated() {
                rows.row(2)
                rows.integer(Int64(number))
                rows.timestamp(time)
            }
            try await connection.copyIn(Self.copy, rows)
            let alike = Statement(
                "alike",
                """
                select count(*) from copied
                join unnest($1::timestamptz[]) with ordinality as t (i, n) on t.n = copied.n + 1 and t.i = copied.i
                """)
            #expect(try await connection.query(alike(.timestampArray(times))).first?.int8(0) == 3)
        }
    }

    @Test func `takes texts of any letters, JSON, and what is not there`() async throws {
        try await TestPostgres.withConnection { connection in
            try await connection.runScript("create temp table copied (t text, j jsonb)")
            let (text, json) = ("Zürich 25 °C 🔥", #"{"ü": ["°", null]}"#)
            var rows = CopyBuffer(capacity: 64)
            rows.row(2)
            rows.text(text)
            rows.json(json)
            rows.row(2)
            rows.text("")
            rows.json(nil)
            try await connection.copyIn(Self.copy, rows)
            let right = Statement(
                "right", "select count(*) from copied where (t = $1 and j = $2::text::jsonb) or (t = '' and j is null)")
            #expect(try await connection.query(right(.text(text), .text(json))).first?.int8(0) == 2)
        }
    }

    @Test func `that takes too long is given up, and leaves nothing but a connection of use`() async throws {
        try await TestPostgres.withConnection { connection in
            try await connection.runScript(Self.table + Self.slowly)
            await #expect(throws: PostgresError.timedOut) {
                try await connection.copyIn(Self.copy, rows(0..<10), timeout: .milliseconds(100))
            }
            #expect(try await count(on: connection) == 0)
        }
    }

    @Test func `within a transaction goes with it`() async throws {
        try await TestPostgres.withConnection { connection in
            try await connection.runScript(Self.table)
            _ = try await connection.query(Statement.begin())
            try await connection.copyIn(Self.copy, rows(0..<10))
            try await connection.copyIn(Self.copy, rows(10..<20))
            #expect(connection.isInTransaction)
            #expect(try await count(on: connection) == 20)
            _ = try await connection.query(Statement.rollback())
            #expect(try await count(on: connection) == 0)
        }
    }

    @Test func `that is refused says so by name, and leaves nothing`() async throws {
        try await TestPostgres.withConnection { connection in
            try await connection.runScript(Self.table)
            try await connection.copyIn(Self.copy, rows(50..<51))
            do throws(PostgresError) {
                try await connection.copyIn(Self.copy, rows(0..<100))
                Issue.record("it did not fail")
            } catch {
                #expect(error.sqlState == .uniqueViolation)
                if case .server(let server) = error { #expect(server.statement == "copy rows") }
            }
            #expect(try await count(on: connection) == 1)
        }
    }

    @Test func `over a connection that breaks may have been committed or not`() async throws {
        try await TestPostgres.withConnection { connection in
            try await TestPostgres.withConnection { other in
                try await connection.runScript(Self.table + Self.slowly)
                async let copied: Void = connection.copyIn(Self.copy, rows(0..<10))
                // Before that it is certain that nothing was.
                let isUnderWay = Statement(
                    "is it under way",
                    "select count(*) from pg_stat_activity where pid = $1 and state = 'active' and query like 'copy%'")
                try await eventually("the copy is under way") {
                    try await other.query(isUnderWay(.int4(connection.backendPID))).first?.int8(0) == 1
                }
                _ = try await other.query(
                    Statement("end", "select pg_terminate_backend($1)")(.int4(connection.backendPID)))
                do {
                    try await copied
                    Issue.record("it did not fail")
                } catch {
                    #expect(error as? PostgresError == .connectionLost(outcomeUnknown: true))
                }
            }
        }
    }

    @Test(arguments: [
        0, 1, -1, 9_999, 10_000, -10_000, 123_456_789, 100_000_000, Int128.max, Int128.min,
        10_000_000_000_000_000_000_001,
    ]) func `takes a whole number as it is`(_ number: Int128) async throws {
        try await TestPostgres.withConnection { connection in
            try await connection.runScript("create temp table copied (s numeric)")
            var rows = CopyBuffer(capacity: 64)
            rows.row(1)
            rows.numeric(number)
            try await connection.copyIn(Self.copy, rows)
            let equal = Statement("equal", "select s::text, s = $1::text::numeric from copied")
            let row = try await connection.query(equal(.text("\(number)"))).first
            #expect(try row?.text(0) == "\(number)")
            #expect(try row?.bool(1) == true)
        }
    }
}
