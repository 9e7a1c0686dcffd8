import Foundation

/// What a command says while it still has work to do: written at once, also into a pipe. A result at its end is printed.
enum Console {
    static func say(_ line: String) { write(line + "\n") }

    /// Whether the person at the terminal agrees; false if there is none.
    static func confirm(_ question: String) -> Bool {
        guard isatty(STDIN_FILENO) == 1 else { return false }
        write(question + " [y/N] ")
        return readLine()?.lowercased().hasPrefix("y") ?? false
    }

    private static func write(_ text: String) { FileHandle.standardOutput.write(Data(text.utf8)) }
}
