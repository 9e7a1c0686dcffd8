/// The object ids of the types that the program exchanges with Postgres.
enum PostgresType {
    static let bool: UInt32 = 16
    static let bytea: UInt32 = 17
    static let char: UInt32 = 18
    static let name: UInt32 = 19
    static let int8: UInt32 = 20
    static let int2: UInt32 = 21
    static let int4: UInt32 = 23
    static let text: UInt32 = 25
    static let json: UInt32 = 114
    static let float8: UInt32 = 701
    static let float8Array: UInt32 = 1022
    static let unknown: UInt32 = 705
    static let bpchar: UInt32 = 1042
    static let varchar: UInt32 = 1043
    static let timestamptz: UInt32 = 1184
    static let uuid: UInt32 = 2950
    static let jsonb: UInt32 = 3802
    static let void: UInt32 = 2278

    static let jsonArray: UInt32 = 199
    static let boolArray: UInt32 = 1000
    static let byteaArray: UInt32 = 1001
    static let int4Array: UInt32 = 1007
    static let textArray: UInt32 = 1009
    static let int8Array: UInt32 = 1016
    static let timestamptzArray: UInt32 = 1185
    static let uuidArray: UInt32 = 2951

    /// Microseconds from 1970, our epoch, to 2000, that of Postgres.
    static let epoch: Int64 = 946_684_800_000_000
}

extension Timestamp {
    /// As Postgres counts; what lies before its range becomes its `-infinity`.
    var sincePostgresEpoch: Int64 {
        let (value, overflow) = microseconds.subtractingReportingOverflow(PostgresType.epoch)
        return overflow ? .min : value
    }
}
