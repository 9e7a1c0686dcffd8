import Foundation
import Support

@testable import Installation

/// A folder in which `fleetlog up` is run, as a new user does.
struct PrivateInstallation: Sendable {
    let folder: String
    let httpPort: Int
    let mqttPort: Int
    let certificatePort: Int
    private let root: String

    /// - Parameter depth: how many folders deep; many make the path longer than a socket's may be.
    static func with(depth: Int = 1, _ body: (PrivateInstallation) async throws -> Void) async throws {
        let root = try ThrowawayFolder.make()
        let parts = (1...depth).map { "a-folder-with-a-rather-long-name-\($0)" }
        let folder = ([root] + parts).joined(separator: "/")
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        let installation = PrivateInstallation(
            folder: folder, httpPort: try freePort(), mqttPort: try freePort(), certificatePort: try freePort(),
            root: root)
        do {
            try await body(installation)
        } catch {
            ThrowawayFolder.remove(root)
            throw error
        }
        ThrowawayFolder.remove(root)
    }

    /// Starts it without waiting.
    ///
    /// - Parameter line: of the shell, in which `"$@"` stands for it.
    func launch(_ name: String, through line: String? = nil) throws -> ServerProcess {
        try ServerProcess(
            name, ["up"],
            environment: [
                "DEVICES": "0", "FLEETLOG_HTTP_PORT": "\(httpPort)", "FLEETLOG_MQTT_PORT": "\(mqttPort)",
                "FLEETLOG_MQTT_CERTIFICATE_PORT": "\(certificatePort)",
            ], port: httpPort, in: folder, through: line)
    }

    /// Starts it and waits until it has said everything that a new user needs.
    func up(_ name: String) async throws -> ServerProcess {
        let server = try launch(name)
        try await eventually(within: .seconds(60), "fleetlog up has greeted", every: .milliseconds(50)) {
            if server.hasEnded { throw Wrong("it ended: \(server.output)\n\(server.log)") }
            return server.output.contains("Ctrl-C stops")
        }
        return server
    }

    /// Runs a line that it has printed, as if pasted into a shell.
    func paste(_ start: String, of server: ServerProcess) async throws -> String {
        let lines = server.output.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
        guard let line = lines.last(where: { $0.hasPrefix(start) }) else {
            throw Wrong("no line begins with \(start): \(server.output)")
        }
        return try await Command("/bin/sh", ["-c", "cd '\(folder)' && \(line)"]).run()
    }

    /// The processes that work in the folder, the server itself included: pid by what they are.
    var processes: [String: Set<pid_t>] {
        var found: [String: Set<pid_t>] = [:]
        for pid in ProcessTable.pids {
            guard let place = ProcessTable.workingFolder(of: pid), place.hasPrefix(root + "/") else { continue }
            guard let name = ProcessTable.commandLine(of: pid).first else { continue }
            let program = (String(name.prefix { $0 != " " && $0 != ":" }) as NSString).lastPathComponent
            found[program, default: []].insert(pid)
        }
        return found
    }
}
