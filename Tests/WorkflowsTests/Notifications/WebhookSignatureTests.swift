import Foundation
import Testing
import Workflows

@Suite struct `A webhook's signature` {
    /// From the specification's reference implementations.
    private let secret = Array(Data(base64Encoded: "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw") ?? Data())
    private let id = "msg_p5jXN8AQM9LWM0D4loKWxJek"
    private let body = Array(#"{"test": 2432232314}"#.utf8)

    @Test func `is that of the Standard Webhooks reference`() {
        #expect(
            WebhookSignature.header(secrets: [secret], id: id, timestamp: 1_614_265_330, body: body)
                == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
    }

    @Test func `is given once for each secret`() {
        let header = WebhookSignature.header(secrets: [[1], secret], id: id, timestamp: 1_614_265_330, body: body)
        #expect(header.split(separator: " ").count == 2)
        #expect(header.hasSuffix(" v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="))
    }

    @Test func `has a secret that is written with its prefix`() {
        #expect(MailboxSecrets.text(of: secret) == "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        #expect(MailboxSecrets.random().count == 32 && MailboxSecrets.random() != MailboxSecrets.random())
    }
}
