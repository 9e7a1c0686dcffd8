import HTTPTypes

/// A version as a strong entity tag: `"7"`.
struct EntityTag: Sendable, Equatable, CustomStringConvertible {
    let version: Int64

    var description: String { "\"\(version)\"" }

    /// The version that `If-Match` demands; nil if it demands none, or any.
    static func expected(by exchange: Exchange) throws(Problem) -> Int64? {
        guard let text = exchange.header(.ifMatch), text != "*" else { return nil }
        guard text.count > 2, text.hasPrefix("\""), text.hasSuffix("\""),
            let version = Int64(text.dropFirst().dropLast())
        else {
            throw .malformed("If-Match", "If-Match must be the ETag of an earlier answer, such as \"7\".")
        }
        return version
    }

    /// Whether the caller holds this version already.
    func isHeld(by exchange: Exchange) -> Bool {
        guard let text = exchange.header(.ifNoneMatch) else { return false }
        return text.split(separator: ",").contains { candidate in
            let tag = candidate.trimming { $0 == " " }
            return tag == "*" || tag == description || tag == "W/\(description)"
        }
    }
}

extension Substring {
    fileprivate func trimming(while isSurplus: (Character) -> Bool) -> Substring {
        var text = drop(while: isSurplus)
        while let last = text.last, isSurplus(last) { text.removeLast() }
        return text
    }
}
