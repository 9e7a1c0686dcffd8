import Foundation
import Gateway
import Runtime

/// The admin token of a private installation, kept in a file that only its owner reads.
struct AdminTokenFile {
    let folder: String

    private var path: String { folder + "/admin-token" }

    /// The token in the file; a new one if there is none, or the database does not know it.
    func token(_ tokens: PostgresTokenStore) async throws -> String {
        if let known = try? String(contentsOfFile: path, encoding: .utf8) {
            let text = known.trimmingCharacters(in: .whitespacesAndNewlines)
            if try await tokens.isKnown(text) { return text }
        }
        let token = try await tokens.createToken(named: "admin of this folder", role: .admin, by: .commandLine)
        try write(token)
        return token
    }

    private func write(_ token: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw SettingsError("\(path): \(String(cString: strerror(errno)))") }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        try file.write(contentsOf: Data((token + "\n").utf8))
    }
}
