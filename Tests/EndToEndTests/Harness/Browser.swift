import Foundation
import Support

@testable import Installation

/// The script that drives Chromium.
enum Browser {
    static let isInstalled =
        FileManager.default.isExecutableFile(atPath: "/usr/bin/chromedriver")
        && FileManager.default.fileExists(atPath: "/usr/lib/python3/dist-packages/selenium")

    /// - Returns: how the script ended; it prints what it found wrong.
    static func run(
        on server: ServerProcess, mqttPort: Int, token: String, reader: String
    ) async throws -> Command.Output {
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Browser/page_test.py").path
        var arguments = [script, "http://127.0.0.1:\(server.port)", token, reader, "\(mqttPort)"]
        if let folder = ProcessInfo.processInfo.environment["FLEETLOG_SCREENSHOTS"] {
            arguments += ["--screenshots", folder]
        }
        return try await Command("/usr/bin/python3", arguments).output()
    }
}
