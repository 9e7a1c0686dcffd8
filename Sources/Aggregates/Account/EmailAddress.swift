/// What an e-mail address must look like: strict enough that it can never be more than one address, or a header.
package enum EmailAddress {
    package static func isPlausible(_ address: String) -> Bool {
        let halves = address.utf8.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
        guard address.utf8.count <= 254, halves.count == 2, (1...64).contains(halves[0].count) else { return false }
        let local = halves[0].split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        let domain = halves[1].split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return local.allSatisfy { !$0.isEmpty && $0.allSatisfy(isAtom) }
            && domain.allSatisfy { isLabel($0) }
    }

    private static func isAtom(_ byte: UInt8) -> Bool {
        byte.isLetter || byte.isDigit || "!#$%&'*+-/=?^_`{|}~".utf8.contains(byte)
    }

    private static func isLabel(_ label: Substring.UTF8View) -> Bool {
        (1...63).contains(label.count) && label.allSatisfy { $0.isLetter || $0.isDigit || $0 == UInt8(ascii: "-") }
            && label.first != UInt8(ascii: "-") && label.last != UInt8(ascii: "-")
    }
}
