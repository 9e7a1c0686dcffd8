internal import CLibPQ

/// Where a database is and who we are there: a libpq URL, or its `key=value` form, with several hosts if need be.
package struct DatabaseURL: Sendable {
    /// libpq's keywords and values for each host, in the order in which they are tried.
    let hosts: [[Parameter]]
    /// How long one host may take to let us in.
    let connectTimeout: Duration
    private let masked: String

    struct Parameter: Sendable {
        let keyword: String
        var value: String
    }

    /// - Throws: `PostgresError.connectFailed` if libpq cannot read it; the reason never quotes the URL.
    package init(_ text: String, applicationName: String = "fleetlog") throws(PostgresError) {
        var settings = try Self.parse(text)
        func part(_ index: Int, of keyword: String) -> String? {
            guard let parts = settings[keyword]?.split(separator: ",", omittingEmptySubsequences: false) else {
                return nil
            }
            let part = parts.count == 1 ? parts[0] : index < parts.count ? parts[index] : ""
            return part.isEmpty ? nil : String(part)
        }
        let count = max(1, max(settings["host"].partCount, settings["hostaddr"].partCount))
        settings["client_encoding"] = "UTF8"
        settings["application_name"] = settings["application_name"] ?? applicationName
        settings["keepalives"] = "1"
        settings["keepalives_idle"] = settings["keepalives_idle"] ?? "15"
        settings["keepalives_interval"] = settings["keepalives_interval"] ?? "5"
        settings["keepalives_count"] = settings["keepalives_count"] ?? "3"
        settings["tcp_user_timeout"] = settings["tcp_user_timeout"] ?? "30000"
        settings["target_session_attrs"] = settings["target_session_attrs"] ?? "read-write"
        let seconds = settings["connect_timeout"].flatMap { Int($0) } ?? 10
        connectTimeout = .seconds(seconds > 0 ? seconds : 3_600)
        var places: [String] = []
        var hosts: [[Parameter]] = []
        for index in 0..<count {
            var host = settings
            for keyword in ["host", "hostaddr", "port"] { host[keyword] = part(index, of: keyword) }
            places.append("\(host["host"] ?? host["hostaddr"] ?? "")\(host["port"].map { ":\($0)" } ?? "")")
            hosts.append(host.sorted { $0.key < $1.key }.map { Parameter(keyword: $0.key, value: $0.value) })
        }
        self.hosts = hosts
        let user = settings["user"].map { $0 + (settings["password"] == nil ? "" : ":***") + "@" } ?? ""
        masked = "postgresql://\(user)\(places.joined(separator: ","))/\(settings["dbname"] ?? "")"
    }

    private static func parse(_ text: String) throws(PostgresError) -> [String: String] {
        var message: UnsafeMutablePointer<CChar>?
        guard let options = PQconninfoParse(text, &message) else {
            defer { PQfreemem(message) }
            // libpq quotes what it could not read, which may be the password.
            let reason = message.map { String(cString: $0) } ?? "out of memory"
            throw .connectFailed(reason: "the database URL is not valid: \(reason.prefix { $0 != "\"" })")
        }
        defer { PQconninfoFree(options) }
        var settings: [String: String] = [:]
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { settings[String(cString: keyword)] = String(cString: value) }
            option += 1
        }
        return settings
    }
}

extension DatabaseURL: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The URL without its password.
    package var description: String { masked }
    package var debugDescription: String { masked }
    package var customMirror: Mirror { Mirror(self, children: ["url": masked]) }
}

extension String? {
    fileprivate var partCount: Int {
        map { $0.split(separator: ",", omittingEmptySubsequences: false).count } ?? 0
    }
}
