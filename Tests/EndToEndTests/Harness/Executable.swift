import Foundation
import Support

@testable import Installation

/// The program under test, as it was built beside the tests.
enum Executable {
    static let path: String = {
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return (own as NSString).deletingLastPathComponent + "/fleetlog"
    }()

    /// Runs one command of it to the end.
    static func output(_ arguments: [String], environment: [String: String] = [:]) async throws -> Command.Output {
        try await Command(path, arguments, environment: environment).output()
    }

    /// Runs one command of it whose standard output takes nothing.
    static func output(intoFullDevice arguments: [String]) async throws -> Command.Output {
        try await Command("/bin/sh", ["-c", "exec \"$@\" > /dev/full", "sh", path] + arguments).output()
    }

    /// Runs one command of it and returns what it printed; throws unless it ends with status 0.
    static func run(_ arguments: [String]) async throws -> String {
        let output = try await output(arguments)
        guard output.succeeded else {
            throw Wrong("fleetlog \(arguments.first ?? "") ended with \(output.ending): \(output.text)\(output.errors)")
        }
        return output.text
    }
}

/// What a test found to be otherwise than promised.
struct Wrong: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
