import ArgumentParser
import Foundation

/// The API token of commands that are clients of a server.
enum AccessToken {
    /// The one given, that of the environment, or the admin token of the installation in the folder.
    static func found(_ given: String?, folder: String) throws -> String {
        if let given = given ?? ProcessInfo.processInfo.environment["FLEETLOG_TOKEN"] { return given }
        guard let text = try? String(contentsOfFile: folder + "/admin-token", encoding: .utf8) else {
            throw ValidationError("no token: give --token or FLEETLOG_TOKEN, or run it where 'fleetlog up' runs")
        }
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
