/// The five characters by which Postgres says what went wrong.
package struct SQLState: RawRepresentable, Sendable, Hashable {
    package let rawValue: String

    package init(rawValue: String) {
        self.rawValue = rawValue
    }

    package static let notNullViolation = SQLState(rawValue: "23502")
    package static let foreignKeyViolation = SQLState(rawValue: "23503")
    package static let uniqueViolation = SQLState(rawValue: "23505")
    package static let checkViolation = SQLState(rawValue: "23514")
    package static let invalidByteSequence = SQLState(rawValue: "22021")
    package static let invalidTextRepresentation = SQLState(rawValue: "22P02")
    package static let untranslatableCharacter = SQLState(rawValue: "22P05")
    package static let failedTransaction = SQLState(rawValue: "25P02")
    package static let serializationFailure = SQLState(rawValue: "40001")
    package static let statementCompletionUnknown = SQLState(rawValue: "40003")
    package static let deadlockDetected = SQLState(rawValue: "40P01")
    package static let insufficientPrivilege = SQLState(rawValue: "42501")
    package static let syntaxError = SQLState(rawValue: "42601")
    package static let undefinedTable = SQLState(rawValue: "42P01")
    package static let diskFull = SQLState(rawValue: "53100")
    package static let lockNotAvailable = SQLState(rawValue: "55P03")
    package static let queryCanceled = SQLState(rawValue: "57014")

    /// The first two characters: the kind of failure.
    package var classCode: String { String(rawValue.prefix(2)) }

    /// Whether this answer to a statement proves that its transaction left nothing behind, so that it may be tried again.
    package var provesRollback: Bool {
        switch classCode {
        case "40": self != .statementCompletionUnknown
        case "57": self == .queryCanceled
        case "0A", "0Z", "21", "22", "23", "25", "26", "2B", "2F", "38", "39", "3B", "3D", "3F", "42", "44", "53", "54",
            "55", "P0":
            true
        default: false
        }
    }

    /// Whether a prepared statement no longer fits the schema, or does not exist.
    var provesStalePlan: Bool { rawValue == "0A000" || rawValue == "26000" }
}
