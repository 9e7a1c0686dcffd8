/// What a failed batch means for the appends in it.
enum CommitFailure {
    /// The bytes of some append were refused; the transaction was rolled back.
    case poison(reason: String, sqlState: String)
    /// Rolled back through no fault of the appends; at once again.
    case retry
    /// The answer to COMMIT was lost, or came with a warning.
    case outcomeUnknown
    /// Nothing was stored, and the database cannot take it now.
    case unavailable(reason: String)

    /// - Parameter isBehind: whether another batch was under way when this one was sent, so that what befell that one
    ///   may be all that befell this one: sent by itself it will tell.
    init(_ error: PostgresError, behindAnother isBehind: Bool) {
        let failure = CommitFailure(error)
        if case .outcomeUnknown = failure { self = failure } else { self = isBehind ? .retry : failure }
    }

    private init(_ error: PostgresError) {
        switch error {
        case .server where error.lacksPartition:
            self = .unavailable(reason: "the log has no partition for the next events, and none could be made")
        case .server(let server):
            switch server.sqlState.classCode {
            case "22", "23", "42", "54":
                self = .poison(reason: server.message, sqlState: server.sqlState.rawValue)
            case "40":
                self = .retry
            default:
                self = .unavailable(reason: "SQLSTATE \(server.sqlState.rawValue)")
            }
        case .connectionLost(outcomeUnknown: true), .commitUnconfirmed, .timedOut, .cancelled:
            self = .outcomeUnknown
        case .connectionLost(outcomeUnknown: false), .connectFailed, .poolExhausted, .closed:
            self = .unavailable(reason: error.debugDescription)
        case .decoding, .misuse:
            self = .unavailable(reason: error.debugDescription)
        }
    }
}
