import Aggregates
import Foundation
import HTTPTypes

/// The JSON object that a request carries, taken apart field by field; what is left over is refused.
struct RequestFields {
    private var fields: [String: JSONValue]
    /// What stands before the names in problems, within an object in the body.
    private var prefix = ""

    private init(_ fields: [String: JSONValue], prefix: String) {
        self.fields = fields
        self.prefix = prefix
    }

    /// - Throws: 415 for another content type, 400 for anything but a JSON object.
    init(_ exchange: Exchange, mayBeAbsent: Bool = false) throws(Problem) {
        if exchange.body.isEmpty {
            guard mayBeAbsent else { throw .malformed(nil, "Send a JSON object as the body.") }
            fields = [:]
            return
        }
        let type = exchange.header(.contentType)?.split(separator: ";").first.map { $0.lowercased() }
        guard type?.trimmingCharacters(in: .whitespaces) == "application/json" else {
            throw Problem(
                .unsupportedMediaType, "not-json", "The body must be JSON",
                "Send the header Content-Type: application/json.", headers: [.accept: "application/json"])
        }
        do {
            fields = try JSONDecoder().decode([String: JSONValue].self, from: Data(exchange.body))
        } catch {
            throw Self.unreadable(exchange.body)
        }
    }

    /// What the body holds of these fields, as text; nothing of what could not be recorded as it is.
    static func shortTexts(of names: [String], in exchange: Exchange) -> [String: String] {
        guard !names.isEmpty, let fields = try? RequestFields(exchange, mayBeAbsent: true).fields else { return [:] }
        var texts: [String: String] = [:]
        for name in names {
            switch fields[name] {
            case .text(let text) where text.utf8.count <= 500 && !text.unicodeScalars.contains("\0"): texts[name] = text
            case .bool(let value): texts[name] = "\(value)"
            case .number(let number): texts[name] = Int(exactly: number).map { "\($0)" } ?? "\(number)"
            default: break
            }
        }
        return texts
    }

    /// Says where the body ceases to be JSON, which the decoder does not.
    private static func unreadable(_ body: [UInt8]) -> Problem {
        let wanted = "The body must be one JSON object, in UTF-8 and not nested deeply."
        do {
            _ = try JSONSerialization.jsonObject(with: Data(body))
            return .malformed(nil, wanted)
        } catch {
            let place = (error as NSError).userInfo[NSDebugDescriptionErrorKey] as? String
            return .malformed(nil, ([wanted] + [place].compactMap { $0 }).joined(separator: " "))
        }
    }

    /// The names of what is left, in order.
    var names: [String] { fields.keys.sorted() }

    mutating func text(_ name: String) throws(Problem) -> String {
        guard let text = try optionalText(name) else { throw .malformed(name, "\(name) is missing: send a text.") }
        return text
    }

    mutating func optionalText(_ name: String) throws(Problem) -> String? {
        switch fields.removeValue(forKey: name) {
        case nil: return nil
        case .text(let text): return text
        default: throw .malformed(name, "\(name) must be a text.")
        }
    }

    /// An object whose values are all texts.
    mutating func optionalTexts(_ name: String) throws(Problem) -> [String: String]? {
        switch fields.removeValue(forKey: name) {
        case nil: return nil
        case .object(let entries):
            var texts: [String: String] = [:]
            for (key, value) in entries {
                guard case .text(let text) = value else { throw .malformed(name, "\(name).\(key) must be a text.") }
                texts[key] = text
            }
            return texts
        default: throw .malformed(name, "\(name) must be an object of texts.")
        }
    }

    mutating func wholeNumber(_ name: String) throws(Problem) -> Int {
        guard let number = try optionalWholeNumber(name) else {
            throw .malformed(prefix + name, "\(prefix)\(name) is missing: send a whole number.")
        }
        return number
    }

    /// An array whose elements are all texts.
    mutating func optionalTextList(_ name: String) throws(Problem) -> [String]? {
        switch fields.removeValue(forKey: name) {
        case nil: return nil
        case .list(let elements):
            var texts: [String] = []
            texts.reserveCapacity(elements.count)
            for element in elements {
                guard case .text(let text) = element else { throw .malformed(name, "\(name) must hold texts only.") }
                texts.append(text)
            }
            return texts
        default: throw .malformed(name, "\(name) must be an array of texts.")
        }
    }

    mutating func optionalNumber(_ name: String) throws(Problem) -> Double? {
        switch fields.removeValue(forKey: name) {
        case nil: return nil
        case .number(let number): return number
        default: throw .malformed(prefix + name, "\(prefix)\(name) must be a number.")
        }
    }

    mutating func optionalWholeNumber(_ name: String) throws(Problem) -> Int? {
        guard let number = try optionalNumber(name) else { return nil }
        guard let whole = Int(exactly: number) else {
            throw .malformed(prefix + name, "\(prefix)\(name) must be a whole number.")
        }
        return whole
    }

    mutating func optionalBool(_ name: String) throws(Problem) -> Bool? {
        switch fields.removeValue(forKey: name) {
        case nil: return nil
        case .bool(let value): return value
        default: throw .malformed(prefix + name, "\(prefix)\(name) must be true or false.")
        }
    }

    /// Whether the field is given as null, which is taken.
    mutating func takeNull(_ name: String) -> Bool {
        guard case .null = fields[name] else { return false }
        fields[name] = nil
        return true
    }

    /// The fields of an object within, to be finished on their own.
    mutating func optionalFields(_ name: String) throws(Problem) -> RequestFields? {
        switch fields.removeValue(forKey: name) {
        case nil: return nil
        case .object(let entries): return RequestFields(entries, prefix: "\(prefix)\(name).")
        default: throw .malformed(prefix + name, "\(prefix)\(name) must be an object.")
        }
    }

    /// The fields of each object of an array, to be finished on their own.
    mutating func optionalFieldsList(_ name: String) throws(Problem) -> [RequestFields]? {
        switch fields.removeValue(forKey: name) {
        case nil: return nil
        case .list(let elements):
            var list: [RequestFields] = []
            list.reserveCapacity(elements.count)
            for element in elements {
                guard case .object(let entries) = element else {
                    throw .malformed(prefix + name, "\(prefix)\(name) must hold objects only.")
                }
                list.append(RequestFields(entries, prefix: ""))
            }
            return list
        default: throw .malformed(prefix + name, "\(prefix)\(name) must be an array of objects.")
        }
    }

    /// An object that may hold anything.
    mutating func optionalObject(_ name: String) throws(Problem) -> [String: JSONValue]? {
        switch fields.removeValue(forKey: name) {
        case nil: return nil
        case .object(let entries): return entries
        default: throw .malformed(prefix + name, "\(prefix)\(name) must be an object.")
        }
    }

    /// All that nobody has taken.
    var everything: [String: JSONValue] { fields }

    /// Refuses what nobody has taken.
    func finish(known: String) throws(Problem) {
        guard let name = fields.keys.min() else { return }
        throw .malformed(prefix + name, "There is no field \(prefix)\(name) here; known: \(known).")
    }
}
