import Foundation
import Support

@testable import Installation

/// The scripts that drive Chromium.
enum Browser {
    static let isInstalled =
        FileManager.default.isExecutableFile(atPath: "/usr/bin/chromedriver")
        && FileManager.default.fileExists(atPath: "/usr/lib/python3/dist-packages/selenium")

    /// - Returns: how the script ended; it prints what it found wrong.
    static func run(_ script: String, _ arguments: [String]) async throws -> Command.Output {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Browser")
        var arguments = [folder.appendingPathComponent(script).path] + arguments
        if let folder = ProcessInfo.processInfo.environment["FLEETLOG_SCREENSHOTS"] {
            arguments += ["--screenshots", folder]
        }
        return try await Command("/usr/bin/python3", arguments).output()
    }
}
