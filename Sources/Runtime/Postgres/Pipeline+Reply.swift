internal import CLibPQ

extension Pipeline.Reply {
    /// Copies what libpq received; nothing of the result is kept.
    init(_ result: OpaquePointer) {
        switch PQresultStatus(result) {
        case PGRES_PIPELINE_SYNC: self = .sync
        case PGRES_COPY_OUT: self = .copying
        case PGRES_COPY_IN: self = .awaitingCopy
        case PGRES_PIPELINE_ABORTED: self = .skipped
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY:
            self = Rows(result).map { .completed($0) } ?? .broken("a result of more than 4 GB")
        case PGRES_FATAL_ERROR:
            let error = PostgresError.ServerError(result)
            // Without a code it is libpq that speaks, and FATAL is the last word of a session.
            let severity = field(result, severityField)
            self =
                error.sqlState.rawValue.isEmpty || severity == "FATAL" || severity == "PANIC"
                ? .broken(error.message.onOneLine) : .failed(error)
        default: self = .broken("an unexpected kind of result")
        }
    }

    /// Whether it is a warning of no special kind, as a cancelled wait for a synchronous standby leaves behind.
    static func isWarning(_ notice: OpaquePointer) -> Bool {
        field(notice, severityField) == "WARNING" && field(notice, UInt8(ascii: "C")) == "01000"
    }
}

private let severityField = UInt8(ascii: "V")

private func field(_ result: OpaquePointer, _ code: UInt8) -> String? {
    PQresultErrorField(result, Int32(code)).map { String(cString: $0) }
}

extension PostgresError.ServerError {
    fileprivate init(_ result: OpaquePointer) {
        self.init(
            sqlState: SQLState(rawValue: field(result, UInt8(ascii: "C")) ?? ""),
            message: field(result, UInt8(ascii: "M")) ?? PQresultErrorMessage(result).map { String(cString: $0) } ?? "",
            detail: field(result, UInt8(ascii: "D")),
            constraint: field(result, UInt8(ascii: "n")),
            table: field(result, UInt8(ascii: "t")))
    }
}

extension Rows {
    /// Two passes, one allocation: sizes first, then the bytes.
    fileprivate init?(_ result: OpaquePointer) {
        let rowCount = Int(PQntuples(result))
        let columnCount = Int(PQnfields(result))
        var cells: [Storage.Cell] = []
        cells.reserveCapacity(rowCount * columnCount)
        var total = 0
        for row in 0..<Int32(rowCount) {
            for column in 0..<Int32(columnCount) {
                let length = PQgetlength(result, row, column)
                let isNull = length == 0 && PQgetisnull(result, row, column) == 1
                guard let offset = UInt32(exactly: total) else { return nil }
                cells.append(Storage.Cell(offset: offset, length: isNull ? -1 : length))
                total += Int(length)
            }
        }
        let bytes =
            total == 0
            ? []
            : [UInt8](unsafeUninitializedCapacity: total) { buffer, count in
                for index in cells.indices where cells[index].length > 0 {
                    let (row, column) = index.quotientAndRemainder(dividingBy: columnCount)
                    guard let value = PQgetvalue(result, Int32(row), Int32(column)) else { continue }
                    let (offset, length) = (Int(cells[index].offset), Int(cells[index].length))
                    UnsafeMutableRawBufferPointer(
                        rebasing: UnsafeMutableRawBufferPointer(buffer)[offset..<offset + length]
                    )
                    .copyMemory(from: UnsafeRawBufferPointer(start: value, count: length))
                }
                count = total
            }
        let columns = (0..<Int32(columnCount)).map { column in
            Storage.Column(
                name: PQfname(result, column).map { String(cString: $0) } ?? "", type: PQftype(result, column))
        }
        self.init(
            storage: Storage(
                columns: columns, rowCount: rowCount, cells: cells, bytes: bytes,
                tag: PQcmdStatus(result).map { String(cString: $0) } ?? "",
                affected: PQcmdTuples(result).flatMap { Int(String(cString: $0)) } ?? 0))
    }
}
