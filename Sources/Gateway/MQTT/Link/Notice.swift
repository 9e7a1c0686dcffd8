/// What the server tells a device about one of its messages.
package struct Notice: Sendable, Hashable {
    package var reason: String
    /// What the device, or its maker, should do.
    package var detail: String

    package init(reason: String, detail: String) {
        self.reason = reason
        self.detail = detail
    }

    init(_ fault: MalformedPayload) { self.init(reason: fault.reason, detail: fault.advice) }

    init(refused reason: String) {
        self.init(reason: reason, detail: "the message was not recorded and will not be accepted later")
    }
}

/// Where notices to devices go. Never waits: notices may be dropped, telemetry must not stand behind them.
package protocol NoticeSink: Sendable {
    func send(_ notice: Notice, to device: String)
}
