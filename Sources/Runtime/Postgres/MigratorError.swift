/// Why a database could not be brought to the program's schema.
package enum MigrationError: Error, Sendable, Hashable {
    case database(PostgresError)
    /// This migration was refused and left nothing behind.
    case failed(name: String, PostgresError)
    /// This migration's text ends the transaction that it runs in.
    case endedTransaction(name: String)
    /// These were applied with another text than the program has.
    case changed([String])
    /// These were applied by a newer program.
    case unknown([String])
    /// These come before one that is applied already; migrations only go forward.
    case outOfOrder([String])
    case duplicate(String)
}

extension MigrationError: CustomStringConvertible, CustomDebugStringConvertible {
    package var description: String {
        switch self {
        case .database(let error): "the migrations could not be looked at: \(error)"
        case .failed(let name, let error): "migration \(name) failed: \(error)"
        case .endedTransaction(let name): "migration \(name) must not begin, commit or roll back"
        case .changed(let names): "already applied with another text: \(names.joined(separator: ", "))"
        case .unknown(let names):
            "the database is newer than this program, which does not know: \(names.joined(separator: ", "))"
        case .outOfOrder(let names): "these come before a migration that is applied: \(names.joined(separator: ", "))"
        case .duplicate(let name): "two migrations are named \(name)"
        }
    }

    package var debugDescription: String {
        switch self {
        case .database(let error), .failed(_, let error): "\(description) [\(error.debugDescription)]"
        default: description
        }
    }
}
