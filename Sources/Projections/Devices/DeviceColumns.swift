import Aggregates
import Runtime

/// The columns of a device that every row has, read by hand: for a page of fifty devices Foundation takes longer than
/// Postgres. What is unusual is left to Foundation.
enum DeviceColumns {
    static func labels(_ bytes: [UInt8]) throws(PostgresError) -> [String: String] {
        try members(bytes) { $0.text() }
    }

    static func readings(_ bytes: [UInt8]) throws(PostgresError) -> [String: LatestReading] {
        try members(bytes) { LatestReading(&$0) }
    }

    /// Mostly empty.
    static func metadata(_ bytes: [UInt8]) throws(PostgresError) -> [String: JSONValue] {
        try members(bytes) { _ in nil }
    }

    static func connectivity(_ bytes: [UInt8]) throws(PostgresError) -> Connectivity {
        try value(bytes) { Connectivity(&$0) }
    }

    static func clock(_ bytes: [UInt8]) throws(PostgresError) -> DeviceClock {
        try value(bytes) { DeviceClock(&$0) }
    }

    private static func members<Value: Decodable>(
        _ bytes: [UInt8], _ read: (inout CanonicalCursor) -> Value?
    ) throws(PostgresError) -> [String: Value] {
        try value(bytes) { $0.members(read) }
    }

    private static func value<Value: Decodable>(
        _ bytes: [UInt8], _ read: (inout CanonicalCursor) -> Value?
    ) throws(PostgresError) -> Value {
        let value: Value? = bytes.withUnsafeBufferPointer { buffer in
            var cursor = CanonicalCursor(buffer)
            guard let value = read(&cursor), cursor.isAtEnd else { return nil }
            return value
        }
        return if let value { value } else { try ViewJSON.decode(bytes) }
    }
}
