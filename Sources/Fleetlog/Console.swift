import Foundation

/// What a command says. Nothing of it is held back, also not into a pipe.
enum Console {
    /// Says something beside the work, which goes on whether anybody listens or not.
    static func say(_ line: String) { try? FileHandle.standardOutput.writeAll(Array((line + "\n").utf8)) }

    /// The same beside a result, on the standard error.
    static func note(_ text: String, terminator: String = "\n") {
        try? FileHandle.standardError.writeAll(Array((text + terminator).utf8))
    }

    /// Gives the result of a command.
    ///
    /// - Throws: `SettingsError` if it does not get where it was sent: a command without its result has failed.
    static func answer(_ text: String, terminator: String = "\n") throws {
        do throws(WriteFailed) {
            try FileHandle.standardOutput.writeAll(Array((text + terminator).utf8))
        } catch {
            throw SettingsError("the work is done, but its result cannot be written: \(error)")
        }
    }

    /// Whether the person at the terminal agrees; false if there is none.
    static func confirm(_ question: String) -> Bool {
        guard isatty(STDIN_FILENO) == 1 else { return false }
        try? FileHandle.standardOutput.writeAll(Array((question + " [y/N] ").utf8))
        return readLine()?.lowercased().hasPrefix("y") ?? false
    }
}
