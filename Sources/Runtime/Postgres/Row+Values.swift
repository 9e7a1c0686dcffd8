extension Row {
    package func bool(_ column: Int) throws(PostgresError) -> Bool {
        try present(try bool(ifPresent: column), column, "bool")
    }

    package func bool(ifPresent column: Int) throws(PostgresError) -> Bool? {
        try value(column, "bool") { $0 == PostgresType.bool && $1.count == 1 ? $1[0] != 0 : nil }
    }

    package func int2(_ column: Int) throws(PostgresError) -> Int16 {
        try present(try int2(ifPresent: column), column, "int2")
    }

    package func int2(ifPresent column: Int) throws(PostgresError) -> Int16? {
        try value(column, "int2") { $0 == PostgresType.int2 ? $1.bigEndian(Int16.self) : nil }
    }

    /// Also reads an int2.
    package func int4(_ column: Int) throws(PostgresError) -> Int32 {
        try present(try int4(ifPresent: column), column, "int4")
    }

    package func int4(ifPresent column: Int) throws(PostgresError) -> Int32? {
        try value(column, "int4") { type, bytes in
            switch type {
            case PostgresType.int4: bytes.bigEndian(Int32.self)
            case PostgresType.int2: bytes.bigEndian(Int16.self).map { Int32($0) }
            default: nil
            }
        }
    }

    /// Also reads an int4 and an int2.
    package func int8(_ column: Int) throws(PostgresError) -> Int64 {
        try present(try int8(ifPresent: column), column, "int8")
    }

    package func int8(ifPresent column: Int) throws(PostgresError) -> Int64? {
        try value(column, "int8") { type, bytes in
            switch type {
            case PostgresType.int8: bytes.bigEndian(Int64.self)
            case PostgresType.int4: bytes.bigEndian(Int32.self).map { Int64($0) }
            case PostgresType.int2: bytes.bigEndian(Int16.self).map { Int64($0) }
            default: nil
            }
        }
    }

    package func float8(_ column: Int) throws(PostgresError) -> Double {
        try present(try float8(ifPresent: column), column, "float8")
    }

    package func float8(ifPresent column: Int) throws(PostgresError) -> Double? {
        try value(column, "float8") { type, bytes in
            type == PostgresType.float8 ? bytes.bigEndian(UInt64.self).map { Double(bitPattern: $0) } : nil
        }
    }

    package func text(_ column: Int) throws(PostgresError) -> String {
        try present(try text(ifPresent: column), column, "text")
    }

    package func text(ifPresent column: Int) throws(PostgresError) -> String? {
        try value(column, "text") { PostgresType.isText($0) ? String(validating: $1, as: UTF8.self) : nil }
    }

    /// The bytes of a bytea, a text or a json.
    package func bytes(_ column: Int) throws(PostgresError) -> [UInt8] {
        try present(try bytes(ifPresent: column), column, "bytes")
    }

    package func bytes(ifPresent column: Int) throws(PostgresError) -> [UInt8]? {
        try withBytes(column) { $0.map { [UInt8]($0) } }
    }

    /// The same without a copy, nil if null; the buffer is good inside `body` only.
    package func withBytes<Result>(
        _ column: Int, _ body: (UnsafeRawBufferPointer?) -> Result
    ) throws(PostgresError) -> Result {
        let result: Result? = try value(column, "bytes") { type, bytes in
            switch type {
            case PostgresType.bytea: body(bytes)
            case PostgresType.jsonb: bytes.first == 1 ? body(UnsafeRawBufferPointer(rebasing: bytes.dropFirst())) : nil
            default: PostgresType.isText(type) ? body(bytes) : nil
            }
        }
        return result ?? body(nil)
    }

    package func uuid(_ column: Int) throws(PostgresError) -> UUID128 {
        try present(try uuid(ifPresent: column), column, "uuid")
    }

    package func uuid(ifPresent column: Int) throws(PostgresError) -> UUID128? {
        try value(column, "uuid") { $0 == PostgresType.uuid ? UUID128(postgres: $1) : nil }
    }

    /// Postgres's `infinity` is refused.
    package func timestamp(_ column: Int) throws(PostgresError) -> Timestamp {
        try present(try timestamp(ifPresent: column), column, "timestamptz")
    }

    package func timestamp(ifPresent column: Int) throws(PostgresError) -> Timestamp? {
        try value(column, "timestamptz") { $0 == PostgresType.timestamptz ? Timestamp(postgres: $1) : nil }
    }
}

extension PostgresType {
    static func isText(_ type: UInt32) -> Bool {
        switch type {
        case text, varchar, bpchar, name, json, unknown, char: true
        default: false
        }
    }
}

extension UUID128 {
    init?(postgres bytes: UnsafeRawBufferPointer) {
        guard bytes.count == 16 else { return nil }
        self.init(
            high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
            low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
    }
}

extension Timestamp {
    init?(postgres bytes: UnsafeRawBufferPointer) {
        guard let value = bytes.bigEndian(Int64.self), value != .max, value != .min else { return nil }
        let (microseconds, overflow) = value.addingReportingOverflow(PostgresType.epoch)
        guard !overflow else { return nil }
        self.init(microseconds: microseconds)
    }
}

extension UnsafeRawBufferPointer {
    /// The integer that fills the whole buffer.
    func bigEndian<Integer: FixedWidthInteger>(_: Integer.Type) -> Integer? {
        count == MemoryLayout<Integer>.size ? Integer(bigEndian: loadUnaligned(as: Integer.self)) : nil
    }
}
