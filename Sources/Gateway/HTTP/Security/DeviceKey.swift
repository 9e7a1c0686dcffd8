import Crypto
import CryptoExtras
import Foundation

/// The API key of a device, its password at the broker: 256 random bits, shown once.
struct DeviceKey: Sendable {
    let text: String

    static func random() -> DeviceKey { DeviceKey(text: "flk_" + RandomBytes.make(32).base64URLText) }

    /// What is kept: SHA-256. A slow hash would protect a password that somebody chose; nobody can guess this key.
    var hash: [UInt8] { Array(SHA256.hash(data: Data(text.utf8))) }

    /// Whether this is the key that the hash was made from; swift-crypto takes the same time whatever differs.
    func isProven(by hash: [UInt8]) -> Bool { SHA256.hash(data: Data(text.utf8)) == hash }

    /// Whether the verifier, `$7$rounds$salt$hash` as keys were kept until migration 14, was made from this key.
    func isProven(byVerifier verifier: String) -> Bool {
        let parts = verifier.split(separator: "$", omittingEmptySubsequences: false)
        guard parts.count == 5, parts[1] == "7", let rounds = Int(parts[2]), (1...100_000).contains(rounds),
            let salt = Data(base64Encoded: String(parts[3])), let kept = Data(base64Encoded: String(parts[4])),
            let own = try? KDF.Insecure.PBKDF2.deriveKey(
                from: Data(text.utf8), salt: salt, using: .sha512, outputByteCount: 64, unsafeUncheckedRounds: rounds)
        else { return false }
        return own == SymmetricKey(data: kept)
    }
}
