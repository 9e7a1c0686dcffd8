import Glibc
import Runtime
import Testing

/// A second way to the server's socket that can be closed and opened, so that a test can take the server away from
/// one pool and leave it to the other tests.
final class ServerSocket: Sendable {
    private let folder: String
    private let target: String

    init() async throws {
        var template = Array("/tmp/fleetlog-socket-XXXXXX".utf8CString)
        folder = String(cString: try #require(mkdtemp(&template)))
        target = try await Self.directory()
        open()
    }

    deinit {
        close()
        rmdir(folder)
    }

    func url() async throws -> DatabaseURL {
        try DatabaseURL(await TestPostgres.text() + "&host=\(folder)/way")
    }

    func open() { symlink(target, "\(folder)/way") }

    func close() { unlink("\(folder)/way") }

    /// Where the server's own socket lies.
    static func directory() async throws -> String {
        var directory = ""
        try await TestPostgres.withConnection { connection in
            directory = try await connection.query(
                Statement("socket", "select current_setting('unix_socket_directories')")())[0].text(0)
        }
        return directory
    }
}
