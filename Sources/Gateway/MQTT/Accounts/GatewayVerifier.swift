import Crypto
import CryptoExtras
import Foundation

/// The gateway's own line of the password file.
enum GatewayVerifier {
    /// PBKDF2-SHA512 in the form of Mosquitto's password file: `$7$iterations$salt$hash`.
    static func make(of password: String) throws -> String {
        var random = SystemRandomNumberGenerator()
        let salt = Data((0..<12).map { _ in UInt8.random(in: 0...255, using: &random) })
        // The broker derives it at each connect; the password is random, so more rounds protect nothing.
        let rounds = 101
        let hash = try KDF.Insecure.PBKDF2.deriveKey(
            from: Data(password.utf8), salt: salt, using: .sha512, outputByteCount: 64, unsafeUncheckedRounds: rounds)
        let bytes = hash.withUnsafeBytes { Data($0) }
        return "$7$\(rounds)$\(salt.base64EncodedString())$\(bytes.base64EncodedString())"
    }
}
