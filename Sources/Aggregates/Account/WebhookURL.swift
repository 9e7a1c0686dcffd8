/// What a webhook's URL must look like. Whether its host may be reached is decided when it is connected to, because
/// names change their addresses.
enum WebhookURL {
    /// Completes "url ..."; nil if nothing is against it.
    static func reasonAgainst(_ url: String) -> String? {
        guard url.utf8.count <= 2_000 else { return "may have 2000 bytes" }
        // A backslash is a slash to some parsers and none to others.
        guard url.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "\\") }) else {
            return "must consist of visible ASCII characters without a backslash; encode others in percent"
        }
        let lowercased = url.lowercased()
        guard let scheme = ["https://", "http://"].first(where: { lowercased.hasPrefix($0) }) else {
            return "must begin with https:// or http://"
        }
        let rest = url.utf8.dropFirst(scheme.utf8.count)
        let authority = rest.prefix { !"/?#".utf8.contains($0) }
        guard !authority.contains(UInt8(ascii: "@")) else { return "must not contain user information" }
        guard !rest.contains(UInt8(ascii: "#")) else { return "must not contain a fragment" }
        return hasHostAndPort(authority) ? nil : "must name a host, and a port from 1 to 65535 if any"
    }

    private static func hasHostAndPort(_ authority: Substring.UTF8View) -> Bool {
        let isLiteral = authority.first == UInt8(ascii: "[")
        let host =
            isLiteral ? authority.prefix { $0 != UInt8(ascii: "]") } : authority.prefix { $0 != UInt8(ascii: ":") }
        var rest = authority.dropFirst(host.count)
        if isLiteral {
            guard host.count > 1, rest.popFirst() == UInt8(ascii: "]") else { return false }
        } else {
            guard !host.isEmpty, host.count <= 255 else { return false }
        }
        guard let colon = rest.popFirst() else { return true }
        guard colon == UInt8(ascii: ":"), (1...5).contains(rest.count), rest.allSatisfy(\.isDigit) else { return false }
        let port = rest.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
        return (1...65_535).contains(port)
    }
}
