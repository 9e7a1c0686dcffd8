import Runtime

/// Writes an event as JSON; its payload goes in byte for byte.
enum EventJSON {
    static func append(_ event: RecordedEvent, to json: inout [UInt8]) {
        let metadata = event.metadata
        json.append(raw: #"{"position":\#(event.position),"stream":"#)
        json.append(text: event.stream.description)
        json.append(raw: #","version":\#(event.version),"type":"#)
        json.append(text: event.type)
        json.append(raw: #","time":"\#(event.observedTime)","recordedTime":"\#(event.recordedTime)","account":"#)
        json.append(text: metadata.account.rawValue)
        json.append(raw: #","data":"#)
        json += event.data
        json.append(raw: #","metadata":{"id":"\#(event.id)","schemaVersion":\#(event.schemaVersion),"principal":"#)
        json.append(text: metadata.principal.description)
        json.append(raw: #","commandId":"\#(metadata.commandID)""#)
        if let id = metadata.causationID { json.append(raw: #","causationId":"\#(id)""#) }
        if let id = metadata.correlationID { json.append(raw: #","correlationId":"\#(id)""#) }
        if let parent = metadata.traceParent {
            json.append(raw: #","traceParent":"#)
            json.append(text: parent)
        }
        json.append(raw: "}}")
    }

    /// `{"items": [...], "next": ...}`
    static func list(_ events: [RecordedEvent], next: Int64?) -> [UInt8] {
        var json: [UInt8] = []
        json.reserveCapacity(64 + events.reduce(0) { $0 + $1.data.count + 600 })
        json.append(raw: #"{"items":["#)
        for (index, event) in events.enumerated() {
            if index > 0 { json.append(UInt8(ascii: ",")) }
            append(event, to: &json)
        }
        json.append(raw: #"],"next":"#)
        json.append(raw: next.map { #""\#($0)""# } ?? "null")
        json.append(UInt8(ascii: "}"))
        return json
    }
}

extension [UInt8] {
    mutating func append(raw text: String) { self += text.utf8 }

    /// A JSON string with its quotes.
    mutating func append(text: String) {
        append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                append(UInt8(ascii: "\\"))
                append(byte)
            case 0..<0x20:
                let digits = [UInt8]("0123456789abcdef".utf8)
                append(raw: "\\u00")
                append(digits[Int(byte >> 4)])
                append(digits[Int(byte & 15)])
            default: append(byte)
            }
        }
        append(UInt8(ascii: "\""))
    }
}
