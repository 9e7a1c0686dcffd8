internal import CLibPQ
import Runtime

/// A connection by plain calls of libpq, blocking: what the machine could do without Fleetlog in between.
struct PlainConnection: ~Copyable {
    private let handle: OpaquePointer

    init(_ url: String) throws {
        let handle = PQconnectdb(url)
        guard let handle, PQstatus(handle) == CONNECTION_OK else {
            defer { PQfinish(handle) }
            throw BenchmarkFailed("libpq: \(PQerrorMessage(handle).map { String(cString: $0) } ?? "")")
        }
        self.handle = handle
    }

    deinit { PQfinish(handle) }

    private var message: String { PQerrorMessage(handle).map { String(cString: $0) } ?? "" }

    func execute(_ sql: String) throws {
        let result = PQexec(handle, sql)
        defer { PQclear(result) }
        try check(result)
    }

    func prepare(_ statement: Statement, types: [UInt32]) throws {
        let result = PQprepare(handle, statement.name, statement.sql, Int32(types.count), types)
        defer { PQclear(result) }
        try check(result)
    }

    func enterPipeline() throws {
        guard PQenterPipelineMode(handle) == 1 else { throw BenchmarkFailed("libpq: \(message)") }
    }

    /// Sends a batch up to its sync and reads all answers.
    func run(_ batch: PlainBatch) throws {
        try send(batch)
        try receive(batch)
    }

    func send(_ batch: PlainBatch) throws {
        for statement in batch.statements {
            guard send(statement) == 1 else { throw BenchmarkFailed("libpq: \(message)") }
        }
        guard PQpipelineSync(handle) == 1 else { throw BenchmarkFailed("libpq: \(message)") }
        guard PQflush(handle) == 0 else { throw BenchmarkFailed("libpq: \(message)") }
    }

    func receive(_ batch: PlainBatch) throws {
        for _ in batch.statements {
            try checkNext()
            guard PQgetResult(handle) == nil else { throw BenchmarkFailed("libpq: a second result") }
        }
        let sync = PQgetResult(handle)
        defer { PQclear(sync) }
        guard PQresultStatus(sync) == PGRES_PIPELINE_SYNC else { throw BenchmarkFailed("libpq: \(message)") }
    }

    /// Copies `rows`, in Postgres's binary format, and returns when they are committed.
    func copy(into target: String, _ rows: [UInt8]) throws {
        let start = PQexec(handle, "copy \(target) from stdin (format binary)")
        defer { PQclear(start) }
        guard PQresultStatus(start) == PGRES_COPY_IN else { throw BenchmarkFailed("libpq: \(message)") }
        try rows.withUnsafeBytes { bytes in
            for offset in stride(from: 0, to: bytes.count, by: 1 << 16) {
                let part = UnsafeRawBufferPointer(rebasing: bytes[offset..<min(offset + 1 << 16, bytes.count)])
                guard
                    PQputCopyData(handle, part.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(part.count)) == 1
                else { throw BenchmarkFailed("libpq: \(message)") }
            }
        }
        guard PQputCopyEnd(handle, nil) == 1 else { throw BenchmarkFailed("libpq: \(message)") }
        try checkNext()
        guard PQgetResult(handle) == nil else { throw BenchmarkFailed("libpq: a second result") }
    }

    /// Copies what `query` gives, in Postgres's binary format, leaves it be, and returns how many rows it was.
    func copyOut(_ query: String) throws -> Int {
        let start = PQexec(handle, "copy (\(query)) to stdout (format binary)")
        defer { PQclear(start) }
        guard PQresultStatus(start) == PGRES_COPY_OUT else { throw BenchmarkFailed("libpq: \(message)") }
        var messages = 0
        while true {
            var message: UnsafeMutablePointer<CChar>?
            guard PQgetCopyData(handle, &message, 0) > 0 else { break }
            PQfreemem(message)
            messages += 1
        }
        try checkNext()
        guard PQgetResult(handle) == nil else { throw BenchmarkFailed("libpq: a second result") }
        return messages - 1  // The last one only says that it is.
    }

    /// What `query` gives, in Postgres's binary format, to be copied in as it is.
    func copiedOut(_ query: String) throws -> [UInt8] {
        let start = PQexec(handle, "copy (\(query)) to stdout (format binary)")
        defer { PQclear(start) }
        guard PQresultStatus(start) == PGRES_COPY_OUT else { throw BenchmarkFailed("libpq: \(message)") }
        var bytes: [UInt8] = []
        while true {
            var message: UnsafeMutablePointer<CChar>?
            let size = PQgetCopyData(handle, &message, 0)
            guard size > 0 else { break }
            bytes += UnsafeRawBufferPointer(start: message, count: Int(size))
            PQfreemem(message)
        }
        try checkNext()
        guard PQgetResult(handle) == nil else { throw BenchmarkFailed("libpq: a second result") }
        return bytes
    }

    private func send(_ statement: PlainBatch.Sent) -> Int32 {
        statement.bytes.withUnsafeBytes { bytes in
            let start = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
            let values = statement.offsets.map { offset in offset.flatMap { start?.advanced(by: $0) } }
            let count = Int32(values.count)
            return statement.isPrepared
                ? PQsendQueryPrepared(handle, statement.text, count, values, statement.lengths, statement.formats, 1)
                : PQsendQueryParams(handle, statement.text, count, nil, values, statement.lengths, statement.formats, 1)
        }
    }

    private func checkNext() throws {
        let result = PQgetResult(handle)
        defer { PQclear(result) }
        try check(result)
    }

    private func check(_ result: OpaquePointer?) throws {
        let status = PQresultStatus(result)
        guard status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK else {
            throw BenchmarkFailed("libpq: \(message)")
        }
    }
}

/// A batch of statements as libpq's calls want them, encoded beforehand.
struct PlainBatch: Sendable {
    struct Sent: Sendable {
        /// The name of a prepared statement, or the SQL text.
        let text: String
        let isPrepared: Bool
        let bytes: [UInt8]
        let offsets: [Int?]
        let lengths: [Int32]
        let formats: [Int32]
    }

    let statements: [Sent]

    init(_ bound: [BoundStatement]) {
        statements = bound.map { bound in
            let slots = bound.parameters.slots
            return Sent(
                text: bound.statement.isPrepared ? bound.statement.name : bound.statement.sql,
                isPrepared: bound.statement.isPrepared, bytes: bound.parameters.bytes,
                offsets: slots.map { $0.range?.lowerBound }, lengths: slots.map { Int32($0.range?.count ?? 0) },
                formats: slots.map { _ in 1 })
        }
    }
}
