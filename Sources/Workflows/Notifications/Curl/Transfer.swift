/// What libcurl is to do, told to a handle on the transfer thread.
struct Transfer: Sendable {
    /// Which addresses may be connected to; nil for all.
    var policy: AddressPolicy?
    var configure: @Sendable (EasyHandle) -> Void
}

/// How a transfer ended. Nothing in it was said by the other side but the number.
struct TransferEnd: Sendable, Equatable {
    enum Failure: Sendable, Equatable {
        case addressRefused
        case loginDenied
        case interrupted
        /// In libcurl's words, which hold nothing of the other side's.
        case other(String)
    }

    /// The HTTP status, or the last reply code of SMTP; nil if there was no answer.
    var code: Int?
    var failure: Failure?
    var duration: Duration
}
