import Foundation
import Runtime

/// JSON byte for byte as ``JSONEncoder/answers`` writes it, put together by hand for answers that are asked for often and are
/// long. Whoever writes keeps the names in order.
struct JSONText {
    private(set) var bytes: [UInt8] = []

    init(capacity: Int = 0) { bytes.reserveCapacity(capacity) }

    mutating func raw(_ text: StaticString) {
        bytes += UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    }

    mutating func integer(_ number: Int64) { bytes += String(number).utf8 }

    mutating func number(_ number: Double) throws {
        if number == number.rounded(), abs(number) < 1e15, !(number == 0 && number.sign == .minus) {
            integer(Int64(number))
        } else {
            try other(number)
        }
    }

    mutating func time(_ time: Timestamp) {
        bytes.append(UInt8(ascii: "\""))
        bytes += time.description.utf8
        bytes.append(UInt8(ascii: "\""))
    }

    mutating func text(_ text: String) throws {
        let isPlain = text.utf8.allSatisfy {
            $0 >= 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
        }
        guard isPlain else { return try other(text) }
        bytes.append(UInt8(ascii: "\""))
        bytes += text.utf8
        bytes.append(UInt8(ascii: "\""))
    }

    /// What is rare, by Foundation.
    mutating func other(_ value: some Encodable) throws { bytes += try JSONEncoder.answers.encode(value) }

    /// - Parameter member: writes a value behind its name.
    mutating func object<Value: Encodable>(
        _ members: [String: Value], _ member: (Value, inout JSONText) throws -> Void
    ) throws {
        // Foundation has an order of its own for other names.
        guard members.keys.allSatisfy({ $0.utf8.allSatisfy { $0 < 0x80 } }) else { return try other(members) }
        try list(members.sorted { $0.key < $1.key }, in: ("{", "}")) { element, json in
            try json.text(element.key)
            json.raw(":")
            try member(element.value, &json)
        }
    }

    mutating func list<Element>(
        _ elements: some Collection<Element>, in brackets: (StaticString, StaticString) = ("[", "]"),
        _ element: (Element, inout JSONText) throws -> Void
    ) rethrows {
        raw(brackets.0)
        var isFirst = true
        for value in elements {
            if !isFirst { raw(",") }
            isFirst = false
            try element(value, &self)
        }
        raw(brackets.1)
    }
}

/// An answer that writes itself.
protocol WritesJSON: Encodable {
    func write(to json: inout JSONText) throws
}

extension ListAnswer: WritesJSON where Item: WritesJSON {
    func write(to json: inout JSONText) throws {
        json.raw(#"{"items":"#)
        try json.list(items) { try $0.write(to: &$1) }
        json.raw(#","next":"#)
        if let next { try json.text(next) } else { json.raw("null") }
        json.raw("}")
    }
}
