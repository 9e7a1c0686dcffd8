import ArgumentParser
import Foundation

/// Where a command that is a client finds the server, and by which token it is let in.
struct APIOptions: ParsableArguments {
    @Option(help: "Address of the server.")
    var api = "http://127.0.0.1:8080"

    @Option(help: "API token; without it FLEETLOG_TOKEN, or the admin token of the installation under --folder.")
    var token: String?

    @Option(help: "Folder of the private installation whose admin token is used.")
    var folder = ".fleetlog"

    func address() throws -> URL {
        guard let address = URL(string: api) else { throw ValidationError("--api '\(api)' is not a URL") }
        return address
    }

    /// The one given, that of the environment, or the admin token of the installation in the folder.
    func accessToken() throws -> String {
        if let given = token ?? ProcessInfo.processInfo.environment["FLEETLOG_TOKEN"] { return given }
        guard let text = try? String(contentsOfFile: folder + "/admin-token", encoding: .utf8) else {
            throw ValidationError("no token: give --token or FLEETLOG_TOKEN, or run it where 'fleetlog up' runs")
        }
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
