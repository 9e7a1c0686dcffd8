import Crypto
import Foundation
import HummingbirdCore
import Runtime

/// What a request says, as a hash: two that differ only in how their JSON is written say the same.
enum RequestFingerprint {
    static func of(_ exchange: Exchange) -> UUID128 {
        var hash = SHA256()
        hash.update(data: Data((exchange.request.uri.query.map { "?\($0)" } ?? "").utf8))
        hash.update(data: canonical(exchange.body))
        return UUID128(hash: Array(hash.finalize()))
    }

    /// No body says what an empty object says.
    private static func canonical(_ body: [UInt8]) -> Data {
        let body = body.isEmpty ? Array("{}".utf8) : body
        guard let value = try? JSONSerialization.jsonObject(with: Data(body), options: .fragmentsAllowed),
            let text = try? JSONSerialization.data(
                withJSONObject: value, options: [.sortedKeys, .withoutEscapingSlashes, .fragmentsAllowed])
        else { return Data(body) }
        return text
    }
}

extension UUID128 {
    /// Version 8: made from a hash of 16 bytes or more.
    init(hash bytes: [UInt8]) {
        func word(_ range: Range<Int>) -> UInt64 { bytes[range].reduce(0) { $0 << 8 | UInt64($1) } }
        self.init(
            high: word(0..<8) & ~0xf000 | 0x8000, low: word(8..<16) & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000)
    }
}
