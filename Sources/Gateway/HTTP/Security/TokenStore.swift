import Crypto
import Foundation
package import Runtime

/// Where tokens are kept, as hashes.
package protocol TokenStore: Sendable {
    /// The token with this SHA-256, whether expired or not; nil if there is none.
    func token(hash: [UInt8]) async throws(TokenStoreError) -> APIToken?
    /// - Parameter principal: who makes it, for the log.
    func add(_ token: APIToken, hash: [UInt8], by principal: Principal) async throws(TokenStoreError)
    /// Adds the token only if there is none at all yet; returns whether it did.
    func addFirst(_ token: APIToken, hash: [UInt8]) async throws(TokenStoreError) -> Bool
}

package enum TokenStoreError: Error, Sendable, Hashable {
    case unavailable(reason: String)
}

extension TokenStore {
    /// At the very first start: makes a token that may do everything, and returns it; nil if there are tokens already.
    package func createAdminToken() async throws(TokenStoreError) -> String? {
        let secret = TokenSecret.random()
        let token = APIToken(id: "admin", name: "admin", role: .admin)
        return try await addFirst(token, hash: secret.hash) ? secret.text : nil
    }

    /// Makes a token and returns it; it is shown this once.
    package func createToken(
        named name: String, role: APIToken.Role, account: AccountID? = nil, expiresTime: Timestamp? = nil,
        by principal: Principal = .system
    ) async throws(TokenStoreError) -> String {
        let secret = TokenSecret.random()
        let token = APIToken(
            id: ResourceID.random(), name: name, role: role, account: account, expiresTime: expiresTime)
        try await add(token, hash: secret.hash, by: principal)
        return secret.text
    }
}

/// 256 random bits; since nobody can guess them, one SHA-256 is verifier enough.
struct TokenSecret: Sendable {
    static let prefix = "flt_"
    let text: String

    static func random() -> TokenSecret {
        TokenSecret(text: prefix + RandomBytes.make(32).base64URLText)
    }

    var hash: [UInt8] { Array(SHA256.hash(data: Data(text.utf8))) }
}

enum RandomBytes {
    /// From the system's cryptographic source.
    static func make(_ count: Int) -> Data {
        var generator = SystemRandomNumberGenerator()
        return Data((0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
    }
}
