import Runtime
import Testing

/// Random values, edges included.
private struct Source {
    var random = SystemRandomNumberGenerator()

    mutating func integer<Integer: FixedWidthInteger>() -> Integer {
        [Integer.min, .max, 0, Integer.random(in: .min ... .max, using: &random)].randomElement(using: &random) ?? 0
    }

    mutating func double() -> Double {
        [0, -0.0, .infinity, -.infinity, .leastNonzeroMagnitude, .greatestFiniteMagnitude, .random(in: -1e9...1e9)]
            .randomElement(using: &random) ?? 0
    }

    mutating func text() -> String {
        let alphabet: [Character] = ["a", "Z", "\"", "\\", "{", "}", ",", " ", "\n", "ß", "日", "👩‍👩‍👧", "\u{1}", "'"]
        return String((0..<Int.random(in: 0...20)).map { _ in alphabet.randomElement(using: &random) ?? "x" })
    }

    mutating func bytes() -> [UInt8] {
        (0..<Int.random(in: 0...40, using: &random)).map { _ in integer() }
    }

    mutating func json() -> [UInt8] { Array("{\"n\": \(integer() as Int32), \"e\" : [] }".utf8) }

    mutating func uuid() -> UUID128 { UUID128(high: integer(), low: integer()) }

    /// Within Postgres's range, 4713 BC to 294276 AD.
    mutating func timestamp() -> Timestamp {
        Timestamp(microseconds: .random(in: -210_866_803_200_000_000...9_000_000_000_000_000_000))
    }

    mutating func several<Value>(_ make: (inout Source) -> Value) -> [Value] {
        (0..<Int.random(in: 0...30, using: &random)).map { _ in make(&self) }
    }
}

@Suite struct `Values in the binary format of Postgres` {
    @Test func `come back as they went, scalars`() async throws {
        try await TestPostgres.withConnection { connection in
            let echo = Statement("echo", "select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10")
            var source = Source()
            for _ in 0..<300 {
                let (bool, int2, int4) = (Bool.random(), source.integer() as Int16, source.integer() as Int32)
                let (int8, float8, text) = (source.integer() as Int64, source.double(), source.text())
                let (bytes, uuid, json, time) = (source.bytes(), source.uuid(), source.json(), source.timestamp())
                let row = try await connection.query(
                    echo(
                        .bool(bool), .int2(int2), .int4(int4), .int8(int8), .float8(float8), .text(text), .bytes(bytes),
                        .uuid(uuid), .json(json), .timestamp(time)))[0]
                #expect(try row.bool(0) == bool)
                #expect(try row.int2(1) == int2)
                #expect(try row.int4(2) == int4)
                #expect(try row.int8(3) == int8)
                #expect(try row.float8(4).bitPattern == float8.bitPattern)
                #expect(try row.text(5) == text)
                #expect(try row.bytes(6) == bytes)
                #expect(try row.uuid(7) == uuid)
                #expect(try row.bytes(8) == json)
                #expect(try row.timestamp(9) == time)
            }
        }
    }

    @Test func `come back as they went, arrays`() async throws {
        try await TestPostgres.withConnection { connection in
            let echo = Statement("echo", "select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10")
            var source = Source()
            for _ in 0..<100 {
                let bools = source.several { _ in Bool.random() }
                let int4s = source.several { $0.integer() as Int32 }
                let int8s = source.several { $0.integer() as Int64 }
                let texts = source.several { $0.text() }
                let maybeTexts = source.several { Bool.random() ? $0.text() : nil }
                let (blobs, jsons) = (source.several { $0.bytes() }, source.several { $0.json() })
                let (uuids, times) = (source.several { $0.uuid() }, source.several { $0.timestamp() })
                let maybeTimes = source.several { Bool.random() ? $0.timestamp() : nil }
                let row = try await connection.query(
                    echo(
                        .boolArray(bools), .int4Array(int4s), .int8Array(int8s), .textArray(texts),
                        .nullableTextArray(maybeTexts), .bytesArray(blobs), .jsonArray(jsons), .uuidArray(uuids),
                        .timestampArray(times), .nullableTimestampArray(maybeTimes)))[0]
                #expect(try row.boolArray(0) == bools)
                #expect(try row.int4Array(1) == int4s)
                #expect(try row.int8Array(2) == int8s)
                #expect(try row.textArray(3) == texts)
                #expect(try row.nullableTextArray(4) == maybeTexts)
                #expect(try row.bytesArray(5) == blobs)
                #expect(try row.jsonArray(6) == jsons)
                #expect(try row.uuidArray(7) == uuids)
                #expect(try row.timestampArray(8) == times)
                #expect(try row.nullableTimestampArray(9) == maybeTimes)
            }
        }
    }

    @Test func `mean to the server what they mean to us`() async throws {
        try await TestPostgres.withConnection { connection in
            let id = UUID128(high: 0x0123_4567_89ab_cdef, low: 0xfedc_ba98_7654_3210)
            let row = try await connection.query(
                Statement("shown", "select ($1 at time zone 'UTC')::text, $2::text, array_to_string($3, ';')")(
                    .timestamp(Timestamp("2026-11-21T04:00:00.123456Z") ?? .now()), .uuid(id),
                    .textArray(["a", "b;", ""])))[0]
            #expect(try row.text(0) == "2026-11-21 04:00:00.123456")
            #expect(try row.text(1) == id.description)
            #expect(try row.text(2) == "a;b;;")
        }
    }

    @Test func `fill arrays of 10,000 elements`() async throws {
        try await TestPostgres.withConnection { connection in
            let numbers = Array(0..<10_000 as Range<Int64>)
            let texts = numbers.map { "device-\($0)" }
            let rows = try await connection.query(
                Statement("unnest", "select n, t from unnest($1, $2) as u (n, t)")(
                    .int8Array(numbers), .textArray(texts)))
            #expect(rows.count == 10_000)
            #expect(rows.affected == 10_000)
            #expect(try rows.map { try $0.int8(0) } == numbers)
            #expect(try rows.map { try $0.text(1) } == texts)
        }
    }

    @Test func `of another type, null or missing are errors`() async throws {
        try await TestPostgres.withConnection { connection in
            let row = try await connection.query(
                Statement("mixed", "select 1::int4, null::int8, 'infinity'::timestamptz, array[1, null], array[[1]]")())[
                    0]
            #expect(try row.int8(0) == 1)
            #expect(try row.int8(ifPresent: 1) == nil)
            #expect(try row.isNull(1))
            #expect(throws: PostgresError.self) { try row.text(0) }
            #expect(throws: PostgresError.self) { try row.int8(1) }
            #expect(throws: PostgresError.self) { try row.timestamp(2) }
            #expect(throws: PostgresError.self) { try row.int4Array(3) }
            #expect(throws: PostgresError.self) { try row.int4Array(4) }
            #expect(throws: PostgresError.self) { try row.int8(5) }
            #expect(throws: PostgresError.self) { try row.int8(-1) }
        }
    }

    @Test func `that Postgres refuses fail alone`() async throws {
        try await TestPostgres.withConnection { connection in
            let null = await #expect(throws: PostgresError.self) {
                try await connection.query(Statement("text", "select $1::text")(.text("a\u{0}b")))
            }
            #expect(null?.sqlState == .invalidByteSequence)
            let json = await #expect(throws: PostgresError.self) {
                try await connection.query(Statement("json", "select $1::json")(.json(Array("{".utf8))))
            }
            #expect(json?.sqlState == .invalidTextRepresentation)
        }
    }
}
