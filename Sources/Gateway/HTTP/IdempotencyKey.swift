import Crypto
import Foundation
import HTTPTypes
import HummingbirdCore
import Runtime

/// The `Idempotency-Key` of a write: whoever sends the same again, to the same place, means the same command.
struct IdempotencyKey: Sendable {
    private let digest: [UInt8]

    /// Nil without the header.
    init?(_ exchange: Exchange, _ caller: Caller) throws(Problem) {
        guard let key = exchange.header(.idempotencyKey) else { return nil }
        guard (1...255).contains(key.utf8.count) else {
            throw .malformed("Idempotency-Key", "Idempotency-Key must have 1 to 255 characters.")
        }
        let request = exchange.request
        let identity = "\(caller.principal)\n\(request.method.rawValue) \(request.uri.path)\n\(key)"
        digest = Array(SHA256.hash(data: Data(identity.utf8)))
    }

    var commandID: UUID128 { Self.uuid(digest) }

    /// The id of another command that the same request leads to.
    func commandID(of part: String) -> UUID128 {
        Self.uuid(Array(SHA256.hash(data: Data(digest + Array(part.utf8)))))
    }

    /// The id of what the request creates, so that a retry meets the same stream.
    var resourceID: String { ResourceID.text(digest[16..<26]) }

    /// Version 8: made from a hash.
    private static func uuid(_ bytes: [UInt8]) -> UUID128 {
        func word(_ range: Range<Int>) -> UInt64 { bytes[range].reduce(0) { $0 << 8 | UInt64($1) } }
        return UUID128(
            high: word(0..<8) & ~0xf000 | 0x8000, low: word(8..<16) & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000)
    }
}

/// Ids of devices and accounts: 80 random bits as 16 letters and digits in lower-case base32.
enum ResourceID {
    private static let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567")

    static func random() -> String {
        var generator = SystemRandomNumberGenerator()
        return text((0..<10).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
    }

    static func text(_ bytes: some Sequence<UInt8>) -> String {
        var (text, bits, held) = ("", UInt32(0), 0)
        for byte in bytes {
            bits = bits << 8 | UInt32(byte)
            held += 8
            while held >= 5 {
                held -= 5
                text.append(alphabet[Int(bits >> UInt32(held) & 31)])
            }
            bits &= 31
        }
        return text
    }

    /// Whether an id from outside can be the id of an aggregate.
    static func isPlausible(_ id: String) -> Bool {
        (1...64).contains(id.utf8.count)
            && id.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}
