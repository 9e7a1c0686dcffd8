/// A parameter, sent in binary with its type.
package enum PostgresValue: Sendable {
    case null
    case bool(Bool)
    case int2(Int16)
    case int4(Int32)
    case int8(Int64)
    case float8(Double)
    case text(String)
    case bytes([UInt8])
    case uuid(UUID128)
    case json([UInt8])
    case timestamp(Timestamp)
    case textArray([String])
    case nullableTextArray([String?])
    case int4Array([Int32])
    case int8Array([Int64])
    case nullableInt8Array([Int64?])
    case float8Array([Double])
    case boolArray([Bool])
    case uuidArray([UUID128])
    case nullableUUIDArray([UUID128?])
    case jsonArray([[UInt8]])
    case bytesArray([[UInt8]])
    case timestampArray([Timestamp])
    case nullableTimestampArray([Timestamp?])
}

extension PostgresValue {
    /// Zero leaves the choice to the server.
    var type: UInt32 {
        switch self {
        case .null: 0
        case .bool: PostgresType.bool
        case .int2: PostgresType.int2
        case .int4: PostgresType.int4
        case .int8: PostgresType.int8
        case .float8: PostgresType.float8
        case .text: PostgresType.text
        case .bytes: PostgresType.bytea
        case .uuid: PostgresType.uuid
        case .json: PostgresType.json
        case .timestamp: PostgresType.timestamptz
        case .textArray, .nullableTextArray: PostgresType.textArray
        case .int4Array: PostgresType.int4Array
        case .int8Array, .nullableInt8Array: PostgresType.int8Array
        case .float8Array: PostgresType.float8Array
        case .boolArray: PostgresType.boolArray
        case .uuidArray, .nullableUUIDArray: PostgresType.uuidArray
        case .jsonArray: PostgresType.jsonArray
        case .bytesArray: PostgresType.byteaArray
        case .timestampArray, .nullableTimestampArray: PostgresType.timestamptzArray
        }
    }

    /// The exact number of bytes that `encode` writes.
    var encodedSize: Int {
        switch self {
        case .null: 0
        case .bool: 1
        case .int2: 2
        case .int4: 4
        case .int8, .float8, .timestamp: 8
        case .uuid: 16
        case .text(let text): text.utf8.count
        case .bytes(let bytes), .json(let bytes): bytes.count
        case .textArray(let texts): arraySize(texts.count, texts.reduce(0) { $0 + $1.utf8.count })
        case .nullableTextArray(let texts): arraySize(texts.count, texts.reduce(0) { $0 + ($1?.utf8.count ?? 0) })
        case .int4Array(let values): arraySize(values.count, values.count * 4)
        case .int8Array(let values): arraySize(values.count, values.count * 8)
        case .nullableInt8Array(let values): arraySize(values.count, values.reduce(0) { $0 + ($1 == nil ? 0 : 8) })
        case .float8Array(let values): arraySize(values.count, values.count * 8)
        case .boolArray(let values): arraySize(values.count, values.count)
        case .uuidArray(let values): arraySize(values.count, values.count * 16)
        case .nullableUUIDArray(let values): arraySize(values.count, values.reduce(0) { $0 + ($1 == nil ? 0 : 16) })
        case .jsonArray(let values), .bytesArray(let values):
            arraySize(values.count, values.reduce(0) { $0 + $1.count })
        case .timestampArray(let values): arraySize(values.count, values.count * 8)
        case .nullableTimestampArray(let values):
            arraySize(values.count, values.reduce(0) { $0 + ($1 == nil ? 0 : 8) })
        }
    }

    private func arraySize(_ count: Int, _ content: Int) -> Int {
        count == 0 ? 12 : 20 + count * 4 + content
    }

    func encode(into writer: inout ParameterWriter) {
        switch self {
        case .null: break
        case .bool(let value): writer.integer(value ? 1 : 0 as UInt8)
        case .int2(let value): writer.integer(value)
        case .int4(let value): writer.integer(value)
        case .int8(let value): writer.integer(value)
        case .float8(let value): writer.integer(value.bitPattern)
        case .text(let text): writer.text(text)
        case .bytes(let bytes), .json(let bytes): writer.bytes(bytes)
        case .uuid(let id): writer.uuid(id)
        case .timestamp(let time): writer.timestamp(time)
        case .textArray(let texts):
            writer.array(of: PostgresType.text, texts) { $0.sizedText($1) }
        case .nullableTextArray(let texts):
            writer.array(of: PostgresType.text, hasNull: texts.contains(nil), texts) { writer, text in
                if let text { writer.sizedText(text) } else { writer.integer(-1 as Int32) }
            }
        case .int4Array(let values):
            writer.array(of: PostgresType.int4, values) { $0.sized($1) }
        case .int8Array(let values):
            writer.array(of: PostgresType.int8, values) { $0.sized($1) }
        case .nullableInt8Array(let values):
            writer.array(of: PostgresType.int8, hasNull: values.contains(nil), values) { writer, value in
                if let value { writer.sized(value) } else { writer.integer(-1 as Int32) }
            }
        case .float8Array(let values):
            writer.array(of: PostgresType.float8, values) { $0.sized($1.bitPattern) }
        case .boolArray(let values):
            writer.array(of: PostgresType.bool, values) { $0.sized($1 ? 1 : 0 as UInt8) }
        case .uuidArray(let values):
            writer.array(of: PostgresType.uuid, values) { writer, id in
                writer.integer(16 as Int32)
                writer.uuid(id)
            }
        case .nullableUUIDArray(let values):
            writer.array(of: PostgresType.uuid, hasNull: values.contains(nil), values) { writer, id in
                writer.integer(id == nil ? -1 : 16 as Int32)
                if let id { writer.uuid(id) }
            }
        case .jsonArray(let values): writer.array(of: PostgresType.json, values) { $0.sizedBytes($1) }
        case .bytesArray(let values): writer.array(of: PostgresType.bytea, values) { $0.sizedBytes($1) }
        case .timestampArray(let values):
            writer.array(of: PostgresType.timestamptz, values) { $0.sizedTimestamp($1) }
        case .nullableTimestampArray(let values):
            writer.array(of: PostgresType.timestamptz, hasNull: values.contains(nil), values) { writer, time in
                if let time { writer.sizedTimestamp(time) } else { writer.integer(-1 as Int32) }
            }
        }
    }
}
