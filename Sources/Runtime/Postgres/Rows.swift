/// The rows of one statement, copied once from libpq into one buffer.
package struct Rows: Sendable, RandomAccessCollection {
    let storage: Storage

    package var startIndex: Int { 0 }
    package var endIndex: Int { storage.rowCount }

    package subscript(index: Int) -> Row {
        precondition(index >= 0 && index < storage.rowCount, "no such row")
        return Row(storage: storage, index: index)
    }

    /// How many rows the statement inserted, changed or returned.
    package var affected: Int { storage.affected }

    package static let none = Rows(
        storage: Storage(columns: [], rowCount: 0, cells: [], bytes: [], tag: "", affected: 0))

    /// Immutable, so that a row costs one reference and rows may cross between tasks.
    final class Storage: Sendable {
        struct Column: Sendable {
            let name: String
            let type: UInt32
        }

        struct Cell: Sendable {
            let offset: UInt32
            /// Negative is null.
            let length: Int32
        }

        let columns: [Column]
        let rowCount: Int
        let cells: [Cell]
        let bytes: [UInt8]
        let tag: String
        let affected: Int

        init(columns: [Column], rowCount: Int, cells: [Cell], bytes: [UInt8], tag: String, affected: Int) {
            self.columns = columns
            self.rowCount = rowCount
            self.cells = cells
            self.bytes = bytes
            self.tag = tag
            self.affected = affected
        }
    }
}

/// One row. Columns are counted from 0; a wrong type or an unexpected null throws `PostgresError.decoding`.
package struct Row: Sendable {
    let storage: Rows.Storage
    let index: Int

    package var columnCount: Int { storage.columns.count }

    package func isNull(_ column: Int) throws(PostgresError) -> Bool {
        try cell(column, "a column").length < 0
    }

    func cell(_ column: Int, _ wanted: StaticString) throws(PostgresError) -> Rows.Storage.Cell {
        guard column >= 0, column < storage.columns.count else {
            throw .decoding(.init(column: column, wanted: "\(wanted)", found: "\(storage.columns.count) columns"))
        }
        return storage.cells[index * storage.columns.count + column]
    }

    /// The value's bytes to `decode`, nil if it is null; `decode` returns nil if it cannot make sense of them.
    func value<Value>(
        _ column: Int, _ wanted: StaticString, _ decode: (UInt32, UnsafeRawBufferPointer) -> Value?
    ) throws(PostgresError) -> Value? {
        let cell = try cell(column, wanted)
        guard cell.length >= 0 else { return nil }
        let type = storage.columns[column].type
        let range = Int(cell.offset)..<Int(cell.offset) + Int(cell.length)
        let value = storage.bytes.withUnsafeBytes { decode(type, UnsafeRawBufferPointer(rebasing: $0[range])) }
        guard let value else {
            throw .decoding(.init(column: column, wanted: "\(wanted)", found: "type \(type), \(cell.length) bytes"))
        }
        return value
    }

    func present<Value>(_ value: Value?, _ column: Int, _ wanted: StaticString) throws(PostgresError) -> Value {
        guard let value else { throw .decoding(.init(column: column, wanted: "\(wanted)", found: "null")) }
        return value
    }
}
