import Foundation
import Runtime

/// One field that differs between two answers.
struct FieldDifference: Encodable, Equatable {
    /// A JSON Pointer (RFC 6901).
    var field: String
    /// Null where there is none.
    var from: JSONTree
    var to: JSONTree
}

/// A JSON value, as a tree to be compared.
indirect enum JSONTree: Codable, Equatable, Sendable {
    case null
    case flag(Bool)
    case number(Double)
    case text(String)
    case list([JSONTree])
    case object([String: JSONTree])

    /// What a client would read.
    init(of answer: some Encodable) throws {
        self = try JSONDecoder().decode(JSONTree.self, from: try JSONEncoder.answers.encode(answer))
    }

    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if value.decodeNil() {
            self = .null
        } else if let flag = try? value.decode(Bool.self) {
            self = .flag(flag)
        } else if let number = try? value.decode(Double.self) {
            self = .number(number)
        } else if let text = try? value.decode(String.self) {
            self = .text(text)
        } else if let list = try? value.decode([JSONTree].self) {
            self = .list(list)
        } else {
            self = .object(try value.decode([String: JSONTree].self))
        }
    }

    func encode(to encoder: any Encoder) throws {
        var value = encoder.singleValueContainer()
        switch self {
        case .null: try value.encodeNil()
        case .flag(let flag): try value.encode(flag)
        case .number(let number): try value.encode(number)
        case .text(let text): try value.encode(text)
        case .list(let list): try value.encode(list)
        case .object(let fields): try value.encode(fields)
        }
    }

    /// The fields that are otherwise in the other, in the order of their names; a list differs as a whole.
    func differences(to other: JSONTree, at field: String = "") -> [FieldDifference] {
        if self == other { return [] }
        guard case .object(let old) = self, case .object(let new) = other else {
            return [FieldDifference(field: field, from: self, to: other)]
        }
        return Set(old.keys).union(new.keys).sorted().flatMap { name in
            (old[name] ?? .null).differences(to: new[name] ?? .null, at: "\(field)/\(Self.escaped(name))")
        }
    }

    private static func escaped(_ name: String) -> String {
        name.replacing("~", with: "~0").replacing("/", with: "~1")
    }
}
