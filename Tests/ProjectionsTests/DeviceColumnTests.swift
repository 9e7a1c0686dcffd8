import Aggregates
import Foundation
import Logging
import Runtime
import Support
import Testing

@testable import Projections

@Suite struct `The columns of devices` {
    private func bytes(_ value: some Encodable) throws -> [UInt8] { Array(try JSONEncoder().encode(value)) }

    @Test(arguments: 1...20) func `are read by hand as Foundation wrote them`(_ seed: UInt64) throws {
        var random = Random(state: seed)
        for number in 0..<100 {
            let row = try DeviceRow.random(number, using: &random)
            #expect(try DeviceColumns.labels(try bytes(row.labels)) == row.labels)
            #expect(try DeviceColumns.metadata(try bytes(row.metadata)) == row.metadata)
            #expect(try DeviceColumns.readings(try bytes(row.readings)) == row.readings)
            #expect(try DeviceColumns.connectivity(try bytes(row.connectivity)) == row.connectivity)
            #expect(try DeviceColumns.clock(try bytes(row.clock)) == row.clock)
        }
    }

    @Test(arguments: [
        "", "{", "{}}", "[]", #"{"a":}"#, #"{"a":"b",}"#, #"{"a" "b"}"#, #"{"a":{"value":1}}"#, "null", "[1,2]", "[1,]",
        #"{"presence":"online"}"#, #"{"presence":"gone","sessions":0,"hasSession":false,"changes":[]}"#,
    ]) func `that are something else are refused, not guessed at`(_ text: String) {
        let bytes = Array(text.utf8)
        #expect(throws: PostgresError.self) { try DeviceColumns.readings(bytes) }
        #expect(throws: PostgresError.self) { try DeviceColumns.connectivity(bytes) }
        #expect(throws: PostgresError.self) { try DeviceColumns.clock(bytes) }
    }

    @Test func `come back from Postgres as they were stored`() async throws {
        var random = Random(state: 7)
        let rows = try (100..<300).map { try DeviceRow.random($0, using: &random) }
        try await PostgresLog.with { log in
            let read = try await log.pool.withConnection { connection in
                _ = try await connection.query(DevicesProjection.store(rows, generation: 1))
                return try await connection.query(DevicesProjection.page(after: "", limit: 1_000, generation: 1))
                    .map { row throws(PostgresError) in try DevicesProjection.decode(row) }
            }
            #expect(read.map(\.id) == rows.map(\.id))
            for (stored, row) in zip(read, rows) { #expect(stored == row) }
        }
    }
}
