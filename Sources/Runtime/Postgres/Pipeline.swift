/// What a connection has asked and awaits, without the connection: callers' conversations in, actions out.
///
/// Conversations are sent in the order they came, a later one before the earlier one's replies are back, and
/// answered in that order. A cancel request reaches the server beside the connection and may hit whatever runs
/// then. So nothing that must not be cancelled is sent behind something that may be, and nothing at all while a
/// request is on its way. A conversation that may be cancelled can be hit in another's stead; it then fails
/// with `queryCanceled`, which proves its rollback.
struct Pipeline: ~Copyable {
    typealias ID = UInt64

    /// Statements that travel together, up to one sync, or a script or a copy in the simple protocol.
    struct Conversation {
        enum Content {
            case batch([BoundStatement])
            case script(String)
            case copy(Statement)
        }

        let id: ID
        let content: Content
        let uncancellable: Bool
    }

    /// What to send before a conversation, and the names under which its statements are prepared.
    struct Plan {
        var prepares: [(name: String, index: Int, types: [UInt32])] = []
        var names: [String?] = []
    }

    enum Reply {
        case completed(Rows)
        case failed(PostgresError.ServerError)
        /// The rows of a copy follow, outside of the replies.
        case copying
        /// The server waits for the rows of a copy.
        case awaitingCopy
        /// The server skipped the statement because of an earlier failure.
        case skipped
        /// The statement's replies are complete.
        case end
        case sync
        /// The server warned while it worked on the statement.
        case warning
        /// The connection is no more.
        case broken(String)
    }

    enum Action {
        case send(Conversation, Plan)
        case answer(ID, Result<[Rows], PostgresError>)
        /// Ask the server to stop what it is doing, then report `cancelDelivered`.
        case requestCancel
        /// The replies make no sense: close.
        case abandon(String)
    }

    enum Abort { case timedOut, cancelled }

    private enum Life {
        case open
        case over(PostgresError)
    }

    private var life = Life.open
    private var waiting: [Conversation] = []
    private var flights: [Flight] = []
    private var prepared = PreparedStatements()
    private var cancelIsUnderway = false
    private var transactionIsOpen = false
    private var actions: [Action] = []

    /// Whether replies are outstanding.
    var awaitsReplies: Bool { !flights.isEmpty }
    /// Whether the reply to come belongs to the simple protocol.
    var runsScript: Bool { flights.first?.isScript ?? false }
    /// Whether the rows of a copy are to be taken before the next reply.
    var isCopying: Bool { flights.first?.isCopying ?? false }
    /// Whether nothing is sent or waits.
    var isIdle: Bool { flights.isEmpty && waiting.isEmpty }
    /// The conversation that the server works on.
    var running: ID? { flights.first?.id }

    /// Whether a request to cancel the conversation is due or made.
    func isDoomed(_ id: ID) -> Bool {
        flights.contains { $0.id == id && $0.abort != nil }
    }

    mutating func nextAction() -> Action? {
        actions.isEmpty ? nil : actions.removeFirst()
    }

    mutating func submit(_ conversation: Conversation) {
        switch life {
        case .over(let reason): actions.append(.answer(conversation.id, .failure(reason)))
        case .open:
            waiting.append(conversation)
            sendWhatMayGo()
        }
    }

    /// The caller no longer wants to wait: taken back if it is not sent yet, cancelled if it may be.
    mutating func giveUp(_ id: ID, _ abort: Abort) {
        if let index = waiting.firstIndex(where: { $0.id == id }) {
            guard !waiting[index].uncancellable else { return }
            waiting.remove(at: index)
            actions.append(.answer(id, .failure(abort.error)))
            sendWhatMayGo()
        } else if let index = flights.firstIndex(where: { $0.id == id }), !flights[index].uncancellable {
            flights[index].abort = flights[index].abort ?? abort
            cancelIfDoomed()
        }
    }

    /// The request to cancel has reached the server, or failed to. True if the same conversation still runs, so that
    /// the request came too early or was lost.
    mutating func cancelDelivered() -> Bool {
        cancelIsUnderway = false
        sendWhatMayGo()
        return flights.first?.abort != nil
    }

    /// Asks again, if the conversation at the head is still to be stopped.
    mutating func cancelIfDoomed() {
        guard let head = flights.first, head.abort != nil, !cancelIsUnderway else { return }
        cancelIsUnderway = true
        actions.append(.requestCancel)
    }

    /// - Parameter inTransaction: whether the server said, with a sync, that a transaction is open.
    mutating func receive(_ reply: Reply, inTransaction: Bool) {
        guard !flights.isEmpty else {
            switch reply {
            case .end, .warning: return
            case .completed, .failed, .copying, .awaitingCopy, .skipped, .sync, .broken: break
            }
            return actions.append(.abandon("a reply that nobody awaits"))
        }
        switch flights[0].receive(reply, &prepared) {
        case .goesOn: break
        case .confused(let reason): actions.append(.abandon(reason))
        case .finished(let result):
            let flight = flights.removeFirst()
            if flights.isEmpty { transactionIsOpen = inTransaction }
            actions.append(.answer(flight.id, result))
            cancelIfDoomed()
            sendWhatMayGo()
        }
    }

    /// The rows of the copy under way are complete, or the server has ended it.
    mutating func endCopy() {
        if !flights.isEmpty { flights[0].isCopying = false }
    }

    /// Fails everything: what was sent with what is known of its outcome, the rest with `reason`.
    mutating func lose(_ reason: PostgresError) {
        guard case .open = life else { return }
        life = .over(reason)
        for flight in flights { actions.append(.answer(flight.id, .failure(flight.errorWhenLost))) }
        for conversation in waiting { actions.append(.answer(conversation.id, .failure(reason))) }
        flights = []
        waiting = []
    }

    private mutating func sendWhatMayGo() {
        while let next = waiting.first, mayGo(next) {
            waiting.removeFirst()
            switch prepared.plan(for: next) {
            case .failure(let error): actions.append(.answer(next.id, .failure(error)))
            case .success(let plan):
                let flight = Flight(next, plan, inTransaction: transactionIsOpen)
                transactionIsOpen = flight.leavesTransactionOpen
                flights.append(flight)
                actions.append(.send(next, plan))
            }
        }
    }

    private func mayGo(_ next: Conversation) -> Bool {
        if cancelIsUnderway { return false }
        guard case .batch = next.content, !flights.contains(where: \.isScript) else { return flights.isEmpty }
        return !next.uncancellable || flights.allSatisfy(\.uncancellable)
    }
}

extension Pipeline.Abort {
    var error: PostgresError {
        switch self {
        case .timedOut: .timedOut
        case .cancelled: .cancelled
        }
    }
}
