import Foundation
import Runtime
import Support

@testable import Installation

/// A running `fleetlog`, in a session of its own, whose output goes to files.
struct ServerProcess: Sendable {
    let name: String
    let port: Int
    let process: RunningProcess
    private let outputPath: String
    private let errorsPath: String

    /// - Parameter folder: lies in a `ThrowawayFolder`, which takes the process along when it is removed.
    /// - Parameter line: of the shell, in which `"$@"` stands for the program with its arguments.
    init(
        _ name: String, _ arguments: [String], environment: [String: String], port: Int, in folder: String,
        through line: String? = nil
    ) throws {
        self.name = name
        self.port = port
        outputPath = "\(folder)/\(name).output"
        errorsPath = "\(folder)/\(name).log"
        let (output, errors) = (try Self.open(outputPath), try Self.open(errorsPath))
        defer {
            close(output)
            close(errors)
        }
        let ownLine = line.map { ["-c", $0, "bash", Executable.path] } ?? []
        process = try Launch(
            executable: line == nil ? Executable.path : "/bin/bash", arguments: ownLine + arguments, folder: folder,
            environment: environment, output: output, errors: errors
        ).start()
    }

    /// Everything that it printed, and earlier processes of the same name.
    var output: String { (try? String(contentsOfFile: outputPath, encoding: .utf8)) ?? "" }
    /// Everything that it logged, and earlier processes of the same name.
    var log: String { (try? String(contentsOfFile: errorsPath, encoding: .utf8)) ?? "" }

    func hasLogged(_ message: String) -> Bool { log.contains("\"\(message)\"") }

    /// What went wrong in it, for the message of a failed test.
    var complaints: String {
        let lines = log.split(separator: "\n").filter { !$0.contains("\"level\":\"info\"") }
        return "\(name)\(process.hasEnded ? " (ended)" : ""):\n" + lines.suffix(25).joined(separator: "\n")
    }

    var hasEnded: Bool { process.hasEnded }

    func kill() async {
        process.send(SIGKILL)
        _ = await process.ended()
    }

    /// Waits until it is killed at the failpoint it was started with, and by nothing else.
    func dies(at point: Failpoint, within limit: Duration = .seconds(20)) async throws {
        try await eventually(within: limit, "\(name) comes to \(point)") { process.hasEnded }
        let ending = await process.ended()
        guard ending == .signalled(SIGKILL), log.contains(#""failpoint":"\#(point.rawValue)""#) else {
            throw Wrong("\(name) was to be killed at \(point), and ended by \(ending)\n\(output)")
        }
    }

    /// Stands still as a whole, until `proceed()`.
    func freeze() { process.send(SIGSTOP) }
    func proceed() { process.send(SIGCONT) }

    /// Asks for a graceful end, and tells how it ended.
    func terminate(by signal: CInt = SIGTERM) async -> RunningProcess.Ending {
        process.send(signal)
        return await process.ended()
    }

    /// Waits until it answers that it can do all of its work.
    func ready(within limit: Duration = .seconds(30)) async throws {
        let api = API(port: port, token: "")
        try await eventually(within: limit, "\(name) is ready", every: .milliseconds(50)) {
            if process.hasEnded { throw Wrong("\(name) ended: \(await process.ended())\n\(output)\n\(log)") }
            return await api.readiness()?.status == 200
        }
    }

    private static func open(_ path: String) throws -> CInt {
        let file = Foundation.open(path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw Wrong("\(path): \(String(cString: strerror(errno)))") }
        return file
    }
}
