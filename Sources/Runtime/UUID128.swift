/// A UUID as two integers: compared, hashed and sent to Postgres without ever becoming text.
package struct UUID128: Sendable, Hashable, Comparable {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// A version 7 UUID: milliseconds first, so that ids sort by time and index pages fill in order.
    package static func v7(at time: Timestamp, random: (UInt64, UInt64)) -> UUID128 {
        let milliseconds = UInt64(max(0, time.microseconds / 1_000))
        return UUID128(
            high: milliseconds << 16 | 0x7000 | random.0 & 0x0fff,
            low: 0x8000_0000_0000_0000 | random.1 & 0x3fff_ffff_ffff_ffff)
    }

    /// A fresh id from the clock and the system's randomness; for callers outside domain code.
    package static func v7() -> UUID128 {
        v7(at: .now(), random: RandomBits.next())
    }

    package static func < (left: UUID128, right: UUID128) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }
}

extension UUID128: LosslessStringConvertible {
    /// Reads the canonical form, 36 characters, in either case.
    package init?(_ text: String) {
        var (high, low, digits) = (UInt64(0), UInt64(0), 0)
        guard text.utf8.count == 36 else { return nil }
        for (index, character) in text.utf8.enumerated() {
            if index == 8 || index == 13 || index == 18 || index == 23 {
                guard character == UInt8(ascii: "-") else { return nil }
                continue
            }
            let digit: UInt8
            switch character {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = character - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = character - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = character - UInt8(ascii: "A") + 10
            default: return nil
            }
            if digits < 16 { high = high << 4 | UInt64(digit) } else { low = low << 4 | UInt64(digit) }
            digits += 1
        }
        self.init(high: high, low: low)
    }

    package var description: String {
        String(unsafeUninitializedCapacity: 36) { buffer in
            var next = 0
            for digit in 0..<32 {
                if digit == 8 || digit == 12 || digit == 16 || digit == 20 {
                    buffer[next] = UInt8(ascii: "-")
                    next += 1
                }
                let half = digit < 16 ? high : low
                let value = UInt8(truncatingIfNeeded: half >> UInt64(60 - (digit & 15) * 4)) & 15
                buffer[next] = value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
                next += 1
            }
            return next
        }
    }
}

extension UUID128: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let id = UUID128(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a UUID")
        }
        self = id
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
