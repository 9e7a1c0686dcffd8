import Crypto
import CryptoExtras
import Foundation

/// The API key of a device, its password at the broker: 256 random bits, shown once.
struct DeviceKey: Sendable {
    let text: String

    static func random() -> DeviceKey { DeviceKey(text: "flk_" + RandomBytes.make(32).base64URLText) }

    /// What is kept: PBKDF2-SHA512 in the form of Mosquitto's password file, `$7$iterations$salt$hash`.
    ///
    /// The broker's own 101 rounds: more would protect a password that somebody chose, this key is random already.
    func verifier(salt: Data = RandomBytes.make(12)) throws(Problem) -> String {
        do {
            let hash = try hash(salt: salt, rounds: Self.rounds)
            return "$7$\(Self.rounds)$\(salt.base64EncodedString())$\(hash.base64EncodedString())"
        } catch {
            throw .internalFailure(cause: "a verifier cannot be made: \(error)")
        }
    }

    /// Whether the verifier was made from this key; takes as long for every key of the same length.
    func isProven(by verifier: String) -> Bool {
        let parts = verifier.split(separator: "$", omittingEmptySubsequences: false)
        guard parts.count == 5, parts[1] == "7", let rounds = Int(parts[2]), (1...100_000).contains(rounds),
            let salt = Data(base64Encoded: String(parts[3])), let kept = Data(base64Encoded: String(parts[4])),
            let own = try? hash(salt: salt, rounds: rounds), own.count == kept.count
        else { return false }
        return zip(own, kept).reduce(UInt8(0)) { $0 | $1.0 ^ $1.1 } == 0
    }

    private static let rounds = 101

    private func hash(salt: Data, rounds: Int) throws -> Data {
        let hash = try KDF.Insecure.PBKDF2.deriveKey(
            from: Data(text.utf8), salt: salt, using: .sha512, outputByteCount: 64, unsafeUncheckedRounds: rounds)
        return hash.withUnsafeBytes { Data($0) }
    }
}
