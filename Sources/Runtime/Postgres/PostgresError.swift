/// All the ways in which talking to Postgres fails. `description` is safe for strangers, `debugDescription` is complete;
/// neither ever holds a password.
package enum PostgresError: Error, Sendable, Hashable {
    /// No host of the URL let us in.
    case connectFailed(reason: String)
    /// The connection broke. If the outcome is unknown, what was sent may have been committed.
    case connectionLost(outcomeUnknown: Bool)
    /// The commit was answered with a warning: a synchronous standby may lack what the server has committed, so a
    /// failover may undo it.
    case commitUnconfirmed
    /// Postgres refused a statement.
    case server(ServerError)
    case timedOut
    case cancelled
    /// Every connection is lent out and nobody gave one back in time, or too many wait already.
    case poolExhausted
    case closed
    /// A value is not what the program took it for.
    case decoding(DecodingFailure)
    /// The program asks for what the protocol cannot do.
    case misuse(String)

    /// Postgres's own account of a refused statement.
    package struct ServerError: Sendable, Hashable {
        package var sqlState: SQLState
        package var message: String
        package var detail: String?
        package var constraint: String?
        package var table: String?
        /// The statement's name, and its place in the batch.
        package var statement: String
        package var index: Int
        /// A commit before it in the same batch succeeded, so the error says nothing about that transaction.
        package var followsCommit = false

        package init(
            sqlState: SQLState, message: String, detail: String? = nil, constraint: String? = nil, table: String? = nil,
            statement: String = "", index: Int = 0
        ) {
            self.sqlState = sqlState
            self.message = message
            self.detail = detail
            self.constraint = constraint
            self.table = table
            self.statement = statement
            self.index = index
        }
    }

    package struct DecodingFailure: Sendable, Hashable {
        package var column: Int
        package var wanted: String
        package var found: String

        package init(column: Int, wanted: String, found: String) {
            self.column = column
            self.wanted = wanted
            self.found = found
        }
    }

    /// Postgres's code, if Postgres answered.
    package var sqlState: SQLState? {
        if case .server(let error) = self { error.sqlState } else { nil }
    }

    /// Whether it is certain that nothing was committed, so that the same may be tried again.
    package var provesRollback: Bool {
        switch self {
        case .server(let error): error.sqlState.provesRollback && !error.followsCommit
        case .connectionLost(let outcomeUnknown): !outcomeUnknown
        case .connectFailed, .timedOut, .cancelled, .poolExhausted, .closed, .misuse: true
        case .decoding, .commitUnconfirmed: false
        }
    }
}

extension PostgresError: CustomStringConvertible, CustomDebugStringConvertible {
    package var description: String {
        switch self {
        case .connectFailed: "the database cannot be reached"
        case .connectionLost(let outcomeUnknown):
            "the connection to the database was lost\(outcomeUnknown ? ", the outcome is unknown" : "")"
        case .commitUnconfirmed: "the database did not confirm a commit, the outcome is unknown"
        case .server(let error): "the database refused a statement (\(error.sqlState.rawValue))"
        case .timedOut: "the database took too long"
        case .cancelled: "the statement was cancelled"
        case .poolExhausted: "no database connection is free"
        case .closed: "the database connection is closed"
        case .decoding: "the database answered with an unexpected type"
        case .misuse: "the statement cannot be sent"
        }
    }

    package var debugDescription: String {
        switch self {
        case .connectFailed(let reason): "\(description): \(reason)"
        case .server(let error):
            "\(error.sqlState.rawValue): \(error.message) [statement \(error.index) '\(error.statement)'"
                + (error.table.map { ", table \($0)" } ?? "") + (error.constraint.map { ", constraint \($0)" } ?? "")
                + (error.detail.map { ", detail: \($0)" } ?? "") + "]"
        case .decoding(let failure): "column \(failure.column): wanted \(failure.wanted), found \(failure.found)"
        case .misuse(let reason): "\(description): \(reason)"
        case .connectionLost, .commitUnconfirmed, .timedOut, .cancelled, .poolExhausted, .closed: description
        }
    }
}
