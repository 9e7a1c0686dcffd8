import Foundation

/// Other event stores, from the Python Package Index, in a virtual environment that is kept in the user's cache.
struct PeerPrograms: Sendable {
    private let python: String

    /// Installs what is missing.
    ///
    /// - Throws: ``PeersMissing`` if that is not possible here, for example without a network.
    static func installed() throws -> PeerPrograms {
        let environment = ProcessInfo.processInfo.environment
        let cache = environment["XDG_CACHE_HOME"] ?? NSHomeDirectory() + "/.cache"
        let folder = cache + "/fleetlog/peers"
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try Data(PackageResources.requirements_txt).write(to: URL(fileURLWithPath: folder + "/requirements.txt"))
            let python = folder + "/bin/python"
            if !FileManager.default.isExecutableFile(atPath: python) {
                _ = try output(of: "/usr/bin/env", ["python3", "-m", "venv", folder])
            }
            _ = try output(of: python, ["-m", "pip", "install", "-q", "-r", folder + "/requirements.txt"])
            return PeerPrograms(python: python)
        } catch {
            throw PeersMissing(reason: "\(error)")
        }
    }

    /// Runs a script, which prints one number.
    func rate(_ script: [UInt8], in folder: String, _ arguments: [String]) async throws -> Double {
        let file = folder + "/peer.py"
        try Data(script).write(to: URL(fileURLWithPath: file))
        let text = try await onThreadOfItsOwn { try Self.output(of: python, [file] + arguments) }
        guard let rate = Double(text.trimmingCharacters(in: .whitespacesAndNewlines)), rate > 0 else {
            throw BenchmarkFailed("a peer appended nothing")
        }
        return rate
    }

    private static func output(of program: String, _ arguments: [String]) throws -> String {
        let (process, output) = (Process(), Pipe())
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw BenchmarkFailed("\(program) ended with \(process.terminationStatus)")
        }
        return text
    }
}

/// Why other event stores are not at hand.
struct PeersMissing: Error {
    let reason: String
}
