import Foundation

/// A libpq URL taken apart so that its password can travel in the environment, where other users cannot see it.
struct ConnectionURL: Sendable, Equatable {
    let withoutPassword: String
    let password: String?

    init(_ text: String) throws(InstallationError) {
        guard let scheme = ["postgresql://", "postgres://"].first(where: text.hasPrefix) else {
            throw .urlUnusable(reason: "it must begin with postgresql://")
        }
        let rest = text.dropFirst(scheme.count)
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        let path = rest.dropFirst(authority.count).prefix { $0 != "?" }
        let query = rest.dropFirst(authority.count + path.count).dropFirst()

        var found: String?
        var hosts = String(authority)
        if let at = authority.lastIndex(of: "@") {
            let user = authority[..<at]
            if let colon = user.firstIndex(of: ":") {
                found = String(user[user.index(after: colon)...])
                hosts = user[..<colon] + "@" + authority[authority.index(after: at)...]
            }
        }
        let parameters = query.split(separator: "&")
        let kept = parameters.filter { !$0.hasPrefix("password=") }
        if let parameter = parameters.first(where: { $0.hasPrefix("password=") }) {
            found = String(parameter.dropFirst("password=".count))
        }
        if let found, found.removingPercentEncoding == nil {
            throw .urlUnusable(reason: "its password is not percent-encoded")
        }
        password = found?.removingPercentEncoding
        withoutPassword = scheme + hosts + path + (kept.isEmpty ? "" : "?" + kept.joined(separator: "&"))
    }

    /// For libpq programs: the user's own settings, and the password.
    var environment: [String: String] {
        let own = ProcessInfo.processInfo.environment.filter { $0.key.hasPrefix("PG") || $0.key == "HOME" }
        return own.merging(password.map { ["PGPASSWORD": $0] } ?? [:]) { $1 }
    }
}
