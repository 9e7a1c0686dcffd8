import Aggregates
internal import CCurl
import Runtime

/// Posts notifications to receivers that anybody may name; see `AddressPolicy` for what they may not.
package struct WebhookChannel: DeliveryChannel {
    private let thread: TransferThread
    private let policy: AddressPolicy
    private let timeout: Duration

    package init(_ policy: AddressPolicy, on thread: TransferThread, timeout: Duration = .seconds(15)) {
        self.thread = thread
        self.policy = policy
        self.timeout = timeout
    }

    package func send(_ message: DeliveryMessage) async -> AttemptResult {
        guard case .webhook(let url) = message.mailbox.channel else {
            return AttemptResult(.refused, reason: "The mailbox is not a webhook.")
        }
        let body: [UInt8]
        do {
            body = try CloudEvent(message.notification, id: message.id, time: message.createdTime).encoded()
        } catch {
            return AttemptResult(.refused, reason: "The notification cannot be written as JSON.")
        }
        let seconds = message.time.microseconds / 1_000_000
        let signature = WebhookSignature.header(
            secrets: message.secrets, id: message.key, timestamp: seconds, body: body)
        let headers = [
            "Content-Type: \(CloudEvent.contentType)", "User-Agent: Fleetlog", "Expect:", "webhook-id: \(message.key)",
            "webhook-timestamp: \(seconds)", "webhook-signature: \(signature)",
        ]
        let end = await thread.perform(
            Transfer(policy: policy) { [timeout] in
                $0.post(body, to: url, headers, within: timeout)
            })
        return Self.result(of: end)
    }

    static func result(of end: TransferEnd) -> AttemptResult {
        let (code, duration) = (end.code, end.duration)
        func result(_ outcome: AttemptResult.Outcome, _ reason: String?) -> AttemptResult {
            AttemptResult(outcome, code: code, reason: reason, duration: duration)
        }
        switch end.failure {
        case .interrupted: return result(.interrupted, "The server was shut down.")
        case .addressRefused: return result(.refused, "The host has an address that webhooks may not be sent to.")
        case .loginDenied: return result(.failed, "The receiver asked for a login.")
        case .other(let reason) where code != 410: return result(.failed, "\(reason).")
        case .other, nil: break
        }
        switch code ?? 0 {
        case 200..<300: return result(.delivered, nil)
        case 410: return result(.refused, "The receiver wants no more.")
        case 300..<400: return result(.failed, "The receiver wants it elsewhere; redirects are not followed.")
        default: return result(.failed, "The receiver did not take it.")
        }
    }
}

extension EasyHandle {
    fileprivate func post(_ body: [UInt8], to url: String, _ headers: [String], within limit: Duration) {
        set(CURLOPT_PROTOCOLS_STR, "http,https")
        set(CURLOPT_URL, url)
        set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        set(CURLOPT_FOLLOWLOCATION, 0)
        set(CURLOPT_POST, 1)
        setBody(body)
        set(CURLOPT_HTTPHEADER, headers)
        let milliseconds = Int(limit / .milliseconds(1))
        set(CURLOPT_TIMEOUT_MS, milliseconds)
        set(CURLOPT_CONNECTTIMEOUT_MS, min(5_000, milliseconds))
    }
}
