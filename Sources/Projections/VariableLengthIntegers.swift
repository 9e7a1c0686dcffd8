// Whole numbers in as few bytes as they need, seven bits each, the lowest first (LEB128); the sign of a signed one is its lowest
// bit, so that small negative numbers are short, too.

extension [UInt8] {
    mutating func appendVariable(_ value: some FixedWidthInteger & UnsignedInteger) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }

    mutating func appendVariable(signed value: Int64) {
        appendVariable(UInt64(bitPattern: value << 1 ^ value >> 63))
    }

    mutating func appendVariable(signed value: Int128) {
        appendVariable(UInt128(bitPattern: value << 1 ^ value >> 127))
    }
}

/// Reads them one after the other; nil where there is none.
struct VariableLengthReader {
    let bytes: [UInt8]
    var place = 0

    init(_ bytes: [UInt8], from place: Int = 0) {
        self.bytes = bytes
        self.place = place
    }

    var isAtEnd: Bool { place >= bytes.count }

    mutating func next<Value: FixedWidthInteger & UnsignedInteger>(_: Value.Type) -> Value? {
        var (value, shift): (Value, Int) = (0, 0)
        while place < bytes.count, shift < Value.bitWidth {
            let byte = bytes[place]
            place += 1
            value |= Value(byte & 0x7F) << Value(shift)
            if byte < 0x80 { return value }
            shift += 7
        }
        return nil
    }

    mutating func nextSigned() -> Int64? {
        next(UInt64.self).map { Int64(bitPattern: $0 >> 1) ^ -Int64(bitPattern: $0 & 1) }
    }

    mutating func nextSigned128() -> Int128? {
        next(UInt128.self).map { Int128(bitPattern: $0 >> 1) ^ -Int128(bitPattern: $0 & 1) }
    }
}
