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
        let rounds = 101
        do {
            let hash = try KDF.Insecure.PBKDF2.deriveKey(
                from: Data(text.utf8), salt: salt, using: .sha512, outputByteCount: 64, unsafeUncheckedRounds: rounds)
            let bytes = hash.withUnsafeBytes { Data($0) }
            return "$7$\(rounds)$\(salt.base64EncodedString())$\(bytes.base64EncodedString())"
        } catch {
            throw .internalFailure(cause: "a verifier cannot be made: \(error)")
        }
    }
}
