import Aggregates
internal import CCurl

/// Hands notifications to the operator's mail server.
package struct MailChannel: DeliveryChannel {
    private let server: MailServer?
    private let thread: TransferThread
    private let timeout: Duration

    /// - Parameters:
    ///   - server: nil if none is set; then each attempt says so.
    ///   - thread: one of its own: libcurl says goodbye to a mail server in a blocking way.
    package init(_ server: MailServer?, on thread: TransferThread, timeout: Duration = .seconds(15)) {
        self.server = server
        self.thread = thread
        self.timeout = timeout
    }

    package func send(_ message: DeliveryMessage) async -> AttemptResult {
        guard case .email(let address) = message.mailbox.channel else {
            return AttemptResult(.refused, reason: "The mailbox is not an e-mail address.")
        }
        guard let server else { return AttemptResult(.failed, reason: "No mail server is set.") }
        let mail = MailMessage(message, to: address, from: server.sender)
        let end = await thread.perform(Transfer { [timeout] in $0.send(mail, by: server, within: timeout) })
        return Self.result(of: end)
    }

    static func result(of end: TransferEnd) -> AttemptResult {
        func result(_ outcome: AttemptResult.Outcome, _ reason: String?) -> AttemptResult {
            AttemptResult(outcome, code: end.code, reason: reason, duration: end.duration)
        }
        switch end.failure {
        case nil: return result(.delivered, nil)
        case .interrupted: return result(.interrupted, "The server was shut down.")
        // Its code begins with 5, but it is the operator who is refused, and the message may pass tomorrow.
        case .loginDenied: return result(.failed, "The mail server refuses the login.")
        case .other, .addressRefused:
            guard let code = end.code, (500..<600).contains(code) else {
                if case .other(let reason) = end.failure { return result(.failed, "\(reason).") }
                return result(.failed, nil)
            }
            return result(.refused, "The mail server refuses the message.")
        }
    }
}

extension EasyHandle {
    fileprivate func send(_ mail: MailMessage, by server: MailServer, within limit: Duration) {
        set(CURLOPT_PROTOCOLS_STR, "smtp,smtps")
        set(CURLOPT_URL, server.url)
        set(CURLOPT_USE_SSL, Int((server.encryption == .required ? CURLUSESSL_ALL : CURLUSESSL_NONE).rawValue))
        if let certificates = server.certificates { set(CURLOPT_CAINFO, certificates) }
        if let username = server.username { set(CURLOPT_USERNAME, username) }
        if let password = server.password { set(CURLOPT_PASSWORD, password) }
        set(CURLOPT_MAIL_FROM, "<\(server.sender)>")
        set(CURLOPT_MAIL_RCPT, ["<\(mail.recipient)>"])
        set(CURLOPT_HTTPHEADER, mail.headers)
        setAlternatives([("text/plain", mail.text), ("text/html", mail.html)])
        set(CURLOPT_UPLOAD, 1)
        // A mail server may end an idle connection at any time.
        set(CURLOPT_FORBID_REUSE, 1)
        let milliseconds = Int(limit / .milliseconds(1))
        set(CURLOPT_TIMEOUT_MS, milliseconds)
        set(CURLOPT_CONNECTTIMEOUT_MS, min(5_000, milliseconds))
        // Bounds the goodbye as well.
        set(CURLOPT_SERVER_RESPONSE_TIMEOUT, max(1, milliseconds / 1_000))
    }
}
