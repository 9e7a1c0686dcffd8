import Foundation
import Hummingbird

/// The query of a request. What nobody asks for is refused, so that a typing error is not silently ignored.
struct QueryParameters: Sendable {
    private var values: [String: String]
    /// Of the one parameter that may be given more than once.
    private var repeated: [String]
    private static let repeatable = "label"

    init(_ query: String?) throws(Problem) {
        var values: [String: String] = [:]
        repeated = []
        for pair in (query ?? "").split(separator: "&") {
            let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = Self.decoded(halves[0]), let value = Self.decoded(halves.count > 1 ? halves[1] : "") else {
                throw .malformed(nil, "The query is not valid percent-encoded UTF-8.")
            }
            guard !name.utf8.contains(0), !value.utf8.contains(0) else {
                throw .malformed(name.utf8.contains(0) ? nil : name, "A parameter may not hold the character NUL.")
            }
            if name == Self.repeatable { repeated.append(value) }
            guard values.updateValue(value, forKey: name) == nil || name == Self.repeatable else {
                throw .malformed(name, "The parameter \(name) may be given once.")
            }
        }
        self.values = values
    }

    private static func decoded(_ text: Substring) -> String? {
        text.replacing("+", with: " ").removingPercentEncoding
    }

    subscript(name: String) -> String? { values[name] }

    /// Every value of a parameter, in their order.
    func all(_ name: String) -> [String] {
        name == Self.repeatable ? repeated : values[name].map { [$0] } ?? []
    }

    mutating func removeValue(of name: String) -> String? { values.removeValue(forKey: name) }

    func allow(_ names: String...) throws(Problem) { try allow(names) }

    func allow(_ names: [String]) throws(Problem) {
        for name in values.keys.sorted() where !names.contains(name) {
            let known = names.isEmpty ? "none" : names.joined(separator: ", ")
            throw .malformed(name, "There is no parameter \(name) here; known: \(known).")
        }
    }

    func limit(default standard: Int = 100, most: Int = 1_000) throws(Problem) -> Int {
        guard let text = self["limit"] else { return standard }
        guard let limit = Int(text), (1...most).contains(limit) else {
            throw .malformed("limit", "limit must be a number from 1 to \(most).")
        }
        return limit
    }

    /// Nil if it is not given.
    func flag(_ name: String) throws(Problem) -> Bool? {
        switch self[name] {
        case nil: return nil
        case "true": return true
        case "false": return false
        default: throw .malformed(name, "\(name) must be true or false.")
        }
    }

    /// A position that must be given.
    func position(_ name: String) throws(Problem) -> Int64 {
        guard let position = self[name].flatMap({ Int64($0) }), position >= 1 else {
            throw .malformed(name, "\(name) must be a position, a number from 1.")
        }
        return position
    }

    /// A position or version to continue after; 0 if there is none.
    func after() throws(Problem) -> Int64 {
        guard let text = self["after"] else { return 0 }
        guard let position = Int64(text), position >= 0 else {
            throw .malformed("after", "after must be 0, or what an earlier answer gave as next.")
        }
        return position
    }
}

/// The opaque cursor of a list that is ordered by id.
enum ListCursor {
    static func encode(_ id: String, of list: String) -> String {
        Data("\(list):\(id)".utf8).base64URLText
    }

    static func decode(_ text: String?, of list: String, limit: Int = 400) throws(Problem) -> String? {
        guard let text else { return nil }
        guard text.utf8.count <= limit, let data = Data(base64URLText: text),
            let plain = String(validating: data, as: UTF8.self), plain.hasPrefix("\(list):"),
            !plain.utf8.contains(0)
        else { throw .malformed("after", "after must be what an earlier answer gave as next.") }
        return String(plain.dropFirst(list.count + 1))
    }
}
