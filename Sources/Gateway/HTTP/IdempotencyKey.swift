import Crypto
import Foundation
import HTTPTypes
import HummingbirdCore
import Runtime

/// The `Idempotency-Key` of a write: whoever sends the same again, to the same place, means the same command.
///
/// The ids that follow from it are a hash of token, method, path and key, and so the same in every server; nobody can
/// come to those of another token.
struct IdempotencyKey: Sendable {
    private let digest: [UInt8]
    /// What the request says; the same key may not say something else.
    let fingerprint: UUID128

    /// Nil without the header.
    init?(_ exchange: Exchange, _ caller: Caller) throws(Problem) { try self.init(exchange, of: caller.principal) }

    /// Nil without the header.
    init?(_ exchange: Exchange, of principal: Principal) throws(Problem) {
        let keys = exchange.request.headers[values: .idempotencyKey]
        guard let key = keys.first else { return nil }
        guard keys.count == 1, (1...255).contains(key.utf8.count), key.utf8.allSatisfy({ (0x20..<0x7f).contains($0) })
        else {
            throw .malformed("Idempotency-Key", "Idempotency-Key must be one text of 1 to 255 ASCII characters.")
        }
        let request = exchange.request
        let identity = "\(principal)\n\(request.method.rawValue) \(request.uri.path)\n\(key)"
        digest = Array(SHA256.hash(data: Data(identity.utf8)))
        fingerprint = RequestFingerprint.of(exchange)
    }

    /// Tells a device's message from others with the same content.
    var delivery: DeliveryStamp {
        let id = commandID
        return DeliveryStamp(
            generation: Int64(bitPattern: id.high), earlier: [], number: Int64(bitPattern: id.low))
    }

    var commandID: UUID128 { UUID128(hash: digest) }

    /// What came of the command when the request was sent before; nil if it was not, or if that is forgotten.
    ///
    /// - Throws: 422 if the request said something else then.
    func firstReceipt(in store: any EventStore) async throws(Problem) -> CommandReceipt? {
        let known: RecordedAcceptance?
        do throws(EventStoreError) {
            known = try await store.acceptances(of: [commandID]).first
        } catch {
            throw Problem(error)
        }
        guard let known else { return nil }
        guard known.fingerprint == fingerprint else { throw .keyReused }
        return CommandReceipt(
            effect: .duplicate, stream: known.stream, version: known.version, position: known.position)
    }

    /// The id of what the request creates, so that a retry meets the same stream.
    var resourceID: String { ResourceID.text(digest[16..<26]) }
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
