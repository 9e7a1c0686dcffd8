/// Which addresses a webhook may be sent to: public ones, and what the operator allows besides.
///
/// It judges the very address that is about to be connected to. Names that change their address between a check and
/// the connection, and numbers in octal or hexadecimal, are past by then.
package struct AddressPolicy: Sendable, Equatable {
    private let allowed: [AddressBlock]

    package init(allowing allowed: [AddressBlock] = []) { self.allowed = allowed }

    package static let loopback = [AddressBlock("127.0.0.0/8"), AddressBlock("::1/128")].compactMap { $0 }

    /// Reads what the operator allows: blocks such as `10.1.0.0/16`, or `loopback`, with commas between; nil if it is
    /// neither.
    package init?(_ text: String) {
        var allowed: [AddressBlock] = []
        for entry in text.split(separator: ",").map({ String($0.filter { $0 != " " }) }) where !entry.isEmpty {
            if entry == "loopback" {
                allowed += Self.loopback
            } else if let block = AddressBlock(entry) {
                allowed.append(block)
            } else {
                return nil
            }
        }
        self.init(allowing: allowed)
    }

    package func allows(_ address: IPAddress) -> Bool {
        let permits = allowed.filter { $0.contains(address) }
        // The machines' own secrets lie there: a wide block does not open it by accident, only one of its own does.
        if let metadata = Self.metadata.first(where: { $0.contains(address) }) {
            return permits.contains { $0.lies(within: metadata) }
        }
        return !permits.isEmpty || Self.isPublic(address)
    }

    private static func isPublic(_ address: IPAddress) -> Bool {
        if let embedded = address.embedded { return isPublic(embedded) }
        return (version4.contains(address) || unicast.contains(address))
            && !(metadata + notPublic).contains { $0.contains(address) }
    }

    private static let version4 = block("::ffff:0:0/96")
    private static let unicast = block("2000::/3")

    /// Link-local, where clouds hand out credentials, and the clouds' addresses that lie elsewhere.
    private static let metadata = [
        "169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "168.63.129.16/32", "100.100.100.200/32",
        "192.0.0.192/32",
    ].map(block)

    /// IANA's registries of special-purpose addresses: this network, private, shared, loopback, protocols,
    /// documentation, benchmarks, relays, multicast, reserved. Of version 6 all but 2000::/3 is shut anyway.
    private static let notPublic = [
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
        "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",
        "240.0.0.0/4", "2001::/23", "2001:db8::/32", "3fff::/20",
    ].map(block)

    private static func block(_ text: String) -> AddressBlock {
        guard let block = AddressBlock(text) else { preconditionFailure("not a block of addresses: \(text)") }
        return block
    }
}
