/// Reads the fields of one row of a binary COPY, in the order in which they lie.
///
/// COPY says no types: a field is known by its place, and checked by its size.
struct CopiedRow {
    private let bytes: UnsafeRawBufferPointer
    private var next = 2
    private var column = -1

    /// - Throws: `PostgresError.decoding` if the row has another number of fields.
    init(_ bytes: UnsafeRawBufferPointer, columns: Int) throws(PostgresError) {
        self.bytes = bytes
        guard bytes.count >= 2, Int16(bigEndian: bytes.loadUnaligned(as: Int16.self)) == columns else {
            throw .decoding(.init(column: 0, wanted: "\(columns) columns", found: "\(bytes.count) bytes"))
        }
    }

    /// The next field's bytes; nil if it is null.
    mutating func field() throws(PostgresError) -> UnsafeRawBufferPointer? {
        column += 1
        guard next + 4 <= bytes.count else { throw failure("a field", "the end of the row") }
        let size = Int(Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: next, as: Int32.self)))
        next += 4
        if size < 0 { return nil }
        guard next + size <= bytes.count else { throw failure("\(size) bytes", "\(bytes.count - next)") }
        defer { next += size }
        return UnsafeRawBufferPointer(rebasing: bytes[next..<next + size])
    }

    mutating func present() throws(PostgresError) -> UnsafeRawBufferPointer {
        guard let field = try field() else { throw failure("a value", "null") }
        return field
    }

    mutating func integer<Integer: FixedWidthInteger>(_ type: Integer.Type) throws(PostgresError) -> Integer {
        let field = try present()
        guard let value = field.bigEndian(type) else { throw failure("\(type)", "\(field.count) bytes") }
        return value
    }

    mutating func uuid() throws(PostgresError) -> UUID128 {
        guard let id = try uuidIfPresent() else { throw failure("a uuid", "null") }
        return id
    }

    mutating func uuidIfPresent() throws(PostgresError) -> UUID128? {
        guard let field = try field() else { return nil }
        guard let id = UUID128(postgres: field) else { throw failure("a uuid", "\(field.count) bytes") }
        return id
    }

    /// Postgres's `infinity` is refused.
    mutating func timestamp() throws(PostgresError) -> Timestamp {
        let field = try present()
        guard let time = Timestamp(postgres: field) else { throw failure("timestamptz", "\(field.count) bytes") }
        return time
    }

    func failure(_ wanted: String, _ found: String) -> PostgresError {
        .decoding(.init(column: column, wanted: wanted, found: found))
    }
}
