import Crypto
import Foundation

/// The signature of a webhook as the Standard Webhooks specification has it.
package enum WebhookSignature {
    /// The value of `webhook-signature`: one signature for each secret, so that a receiver may hold either.
    package static func header(secrets: [[UInt8]], id: String, timestamp: Int64, body: [UInt8]) -> String {
        let content = Data("\(id).\(timestamp).".utf8) + body
        return secrets.map { secret in
            let code = HMAC<SHA256>.authenticationCode(for: content, using: SymmetricKey(data: secret))
            return "v1," + Data(code).base64EncodedString()
        }.joined(separator: " ")
    }
}
