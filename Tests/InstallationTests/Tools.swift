import Foundation
import Installation

/// Runs a program of the system and returns what it printed; it is killed after 30 seconds.
@discardableResult
func run(_ program: String, _ arguments: [String], input: String = "") async throws(InstallationError) -> String {
    let limited = Command("/usr/bin/timeout", ["--signal=KILL", "30", program] + arguments)
    return try await limited.run(input: input).trimmingCharacters(in: .whitespacesAndNewlines)
}

@discardableResult
func psql(_ url: String, _ statement: String) async throws(InstallationError) -> String {
    try await run("/usr/bin/psql", ["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", statement])
}

struct Unexpected: Error {
    let what: String
}
