import NIOCore

/// The other end of a connection.
struct Peer: Sendable, Hashable {
    /// The address, of IPv6 the first half only: a customer has a whole /64 to choose from.
    let network: String
    let isLoopback: Bool

    init(_ address: SocketAddress?) {
        let text = address?.ipAddress ?? "unknown"
        isLoopback = text == "::1" || text.hasPrefix("127.") || text.hasPrefix("::ffff:127.")
        if case .v6 = address, !text.hasPrefix("::ffff:") {
            network = text.split(separator: ":", omittingEmptySubsequences: false).prefix(4).joined(separator: ":")
        } else {
            network = text
        }
    }
}
