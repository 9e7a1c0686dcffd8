/// Rows for a `copy ... from stdin (format binary)`, encoded one value after the other.
package struct CopyBuffer: Sendable {
    /// The signature, flags, and the length of an extension that does not exist.
    private static let header = Array("PGCOPY\n".utf8) + [0xff, 0x0d, 0x0a, 0, 0, 0, 0, 0, 0, 0, 0, 0]

    private(set) var bytes: [UInt8]

    /// How many bytes there are so far.
    package var count: Int { bytes.count }

    package init(capacity: Int) {
        bytes = Self.header
        bytes.reserveCapacity(capacity)
    }

    /// Begins a row of so many values.
    package mutating func row(_ columns: Int16) { append(columns) }

    package mutating func integer<Integer: FixedWidthInteger>(_ value: Integer) {
        append(Int32(MemoryLayout<Integer>.size))
        append(value)
    }

    package mutating func float8(_ value: Double) { integer(value.bitPattern) }
    package mutating func timestamp(_ time: Timestamp) { integer(time.sincePostgresEpoch) }

    package mutating func text(_ value: String) {
        var value = value
        value.withUTF8 { utf8 in
            append(Int32(utf8.count))
            bytes.append(contentsOf: utf8)
        }
    }

    package mutating func bytea(_ value: [UInt8]) {
        append(Int32(value.count))
        bytes.append(contentsOf: value)
    }

    /// As `jsonb`, whose binary form is a version and the text.
    package mutating func json(_ value: String?) {
        guard let value else { return append(-1 as Int32) }
        append(Int32(value.utf8.count + 1))
        append(1 as Int8)
        bytes.append(contentsOf: value.utf8)
    }

    /// As `numeric`, which Postgres keeps as digits of ten thousand each, the highest first, without zeros at the end.
    package mutating func numeric(_ value: Int128) {
        var (rest, digits) = (value.magnitude, [Int16]())
        while rest > 0 {
            let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10_000)
            digits.append(Int16(digit))
            rest = quotient
        }
        let weight = Int16(max(0, digits.count - 1))
        let kept = digits.reversed().prefix(digits.count - digits.prefix { $0 == 0 }.count)
        append(Int32(8 + 2 * kept.count))
        append(Int16(kept.count))
        append(weight)
        append(value < 0 ? 0x4000 as Int16 : 0)
        append(0 as Int16)
        for digit in kept { append(digit) }
    }

    /// All of it, complete.
    package consuming func ended() -> [UInt8] {
        append(-1 as Int16)
        return bytes
    }

    private mutating func append<Integer: FixedWidthInteger>(_ value: Integer) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }
}
