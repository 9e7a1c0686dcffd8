import Glibc

/// An IP address in 128 bits; one of version 4 is kept as `::ffff:a.b.c.d`, so that both ways to write it are the same.
package struct IPAddress: Sendable, Hashable {
    package let bits: UInt128

    package init(bits: UInt128) { self.bits = bits }

    init(v4 address: UInt32) { bits = Self.mapped | UInt128(address) }

    /// Reads `192.0.2.1` or `2001:db8::1`, and no other form.
    package init?(_ text: String) {
        var v4 = in_addr()
        var v6 = in6_addr()
        if inet_pton(AF_INET, text, &v4) == 1 {
            self.init(v4: UInt32(bigEndian: v4.s_addr))
        } else if inet_pton(AF_INET6, text, &v6) == 1 {
            self.init(bits: withUnsafeBytes(of: v6) { UInt128(bigEndian: $0.loadUnaligned(as: UInt128.self)) })
        } else {
            return nil
        }
    }

    /// Nil for another family than IP.
    init?(_ address: UnsafePointer<sockaddr>) {
        let raw = UnsafeRawPointer(address)
        switch Int32(raw.loadUnaligned(as: sockaddr_in.self).sin_family) {
        case AF_INET:
            self.init(v4: UInt32(bigEndian: raw.loadUnaligned(as: sockaddr_in.self).sin_addr.s_addr))
        case AF_INET6:
            let v6 = raw.loadUnaligned(as: sockaddr_in6.self).sin6_addr
            self.init(bits: withUnsafeBytes(of: v6) { UInt128(bigEndian: $0.loadUnaligned(as: UInt128.self)) })
        default: return nil
        }
    }

    static let mapped = UInt128(0xFFFF) << 32

    /// The address of version 4 that a translator or a tunnel would send this on to, if it is of such a form.
    var embedded: IPAddress? {
        if bits >> 112 == 0x2002 { return IPAddress(v4: UInt32(truncatingIfNeeded: bits >> 80)) }
        if bits >> 32 == UInt128(0x64_ff9b) << 64 { return IPAddress(v4: UInt32(truncatingIfNeeded: bits)) }
        return nil
    }
}

/// All addresses with the same first bits, such as `10.0.0.0/8`.
package struct AddressBlock: Sendable, Hashable {
    let first: UInt128
    let length: Int

    package init?(_ text: String) {
        let halves = text.split(separator: "/", omittingEmptySubsequences: false)
        guard (1...2).contains(halves.count), let address = IPAddress(String(halves[0])) else { return nil }
        let width = halves[0].contains(":") ? 128 : 32
        guard let length = halves.count == 2 ? Int(halves[1]) : width, (0...width).contains(length) else { return nil }
        self.length = length + 128 - width
        first = address.bits & Self.mask(self.length)
    }

    package func contains(_ address: IPAddress) -> Bool { address.bits & Self.mask(length) == first }

    func lies(within other: AddressBlock) -> Bool {
        length >= other.length && first & Self.mask(other.length) == other.first
    }

    private static func mask(_ length: Int) -> UInt128 { length == 0 ? 0 : .max << (128 - length) }
}
