/// What a message says that it is, by the property of MQTT 5.
package enum ContentType: Int16, Sendable, Hashable {
    case none, json, cbor
    /// Something that nobody here reads.
    case unknown

    /// Without regard to case, and to parameters such as a charset.
    package init(_ text: String) {
        let name = text.prefix { $0 != ";" }.filter { $0 != " " && $0 != "\t" }.lowercased()
        self =
            switch name {
            case "application/json": .json
            case "application/cbor": .cbor
            default: .unknown
            }
    }

    /// - Throws: if the message is not what it says, or says what nobody reads.
    func check(_ payload: [UInt8]) throws(MalformedPayload) {
        switch self {
        case .none: return
        case .unknown:
            throw MalformedPayload(
                "the content type is not known", advice: "say application/json or application/cbor, or nothing")
        case .json where !CBORText.isCBOR(payload), .cbor where CBORText.isCBOR(payload): return
        case .json:
            throw MalformedPayload(
                "the content type says JSON, but the message is CBOR", advice: "say application/cbor, or nothing")
        case .cbor:
            throw MalformedPayload(
                "the content type says CBOR, but the message is not", advice: "say application/json, or nothing")
        }
    }

    /// The same of a message that must be JSON.
    func checkJSON(_ payload: [UInt8]) throws(MalformedPayload) {
        try check(payload)
        guard self == .cbor else { return }
        throw MalformedPayload("the content type says CBOR", advice: "send JSON on this topic")
    }
}
