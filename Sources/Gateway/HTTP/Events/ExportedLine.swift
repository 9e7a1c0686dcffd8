import Foundation
package import Runtime

/// A line of an export: a CloudEvent 1.0 as JSON, whose payload is byte for byte the one in the log.
///
/// An event's line holds everything that its seal covers, and its leaf; so an export of the whole log, with the signed
/// heads among its events, can be verified without the database.
package enum ExportedLine: Sendable, Hashable {
    case event(RecordedEvent, leaf: TreeHash)
    case departed(position: Int64, leaf: TreeHash)
    case head(SignedHead)

    package static let contentType = "application/x-ndjson"

    package init(_ item: SealedExport.Item) {
        switch item {
        case .event(let event): self = .event(event, leaf: .leaf(event.sealedBytes))
        case .departed(let position, let leaf): self = .departed(position: position, leaf: leaf)
        case .head(let head): self = .head(head)
        }
    }

    // MARK: Writing

    /// Writes the line with its newline.
    package func append(to line: inout [UInt8]) {
        switch self {
        case .event(let event, let leaf): Self.append(event, leaf, to: &line)
        case .departed(let position, let leaf):
            line.append(
                raw: #"{"specversion":"1.0","id":"departed-\#(position)","source":"/api/v1/events","#
                    + #""type":"fleetlog.departed","position":"\#(position)","leaf":"\#(leaf.base64)"}"#)
        case .head(let head):
            line.append(
                raw: #"{"specversion":"1.0","id":"head-\#(head.size)-\#(head.time)","source":"/api/v1/audit/heads","#
                    + #""type":"fleetlog.head","time":"\#(head.time)","position":"\#(head.size)","data":{"note":"#)
            line.append(text: head.note)
            line.append(raw: "}}")
        }
        line.append(UInt8(ascii: "\n"))
    }

    private static func append(_ event: RecordedEvent, _ leaf: TreeHash, to line: inout [UInt8]) {
        let metadata = event.metadata
        line.append(raw: #"{"specversion":"1.0","id":"\#(event.id)","source":"/api/v1/streams/"#)
        // Stream names need no escapes.
        line.append(raw: #"\#(event.stream)","type":"fleetlog.event","subject":"\#(event.stream)","time":"#)
        line.append(raw: #""\#(event.observedTime)","position":"\#(event.position)","version":"\#(event.version)","#)
        line.append(raw: #""eventtype":"#)
        line.append(text: event.type)
        line.append(
            raw: #","schemaversion":\#(event.schemaVersion),"recordedtime":"\#(event.recordedTime)","account":"#)
        line.append(text: metadata.account.rawValue)
        line.append(raw: #","principal":"#)
        line.append(text: metadata.principal.description)
        line.append(raw: #","commandid":"\#(metadata.commandID)""#)
        if let id = metadata.causationID { line.append(raw: #","causationid":"\#(id)""#) }
        if let id = metadata.correlationID { line.append(raw: #","correlationid":"\#(id)""#) }
        if let parent = metadata.traceParent {
            line.append(raw: #","traceparent":"#)
            line.append(text: parent)
        }
        line.append(raw: #","leaf":"\#(leaf.base64)","datacontenttype":"application/json","#)
        if needsBase64(event.data) {
            line.append(raw: #""data_base64":"\#(Data(event.data).base64EncodedString())"}"#)
        } else {
            line.append(raw: #""data":"#)
            line += event.data
            line.append(raw: "}")
        }
    }

    /// White space around the payload would be taken for the line's own, and a newline in it would end the line.
    private static func needsBase64(_ data: [UInt8]) -> Bool {
        let isSpace = { (byte: UInt8) in byte == 0x20 || byte == 0x09 }
        return data.contains { $0 == 0x0A || $0 == 0x0D } || data.first.map(isSpace) ?? true
            || data.last.map(isSpace) ?? true
    }

    // MARK: Reading

    /// Reads a line that is written as an export writes it: whatever else it said would be covered by no seal, and believed.
    ///
    /// - Throws: ``MalformedLine``
    package init(_ line: [UInt8]) throws(MalformedLine) {
        try self.init(reading: line)
        var written: [UInt8] = []
        written.reserveCapacity(line.count + 1)
        append(to: &written)
        guard written.dropLast() == line[...] else {
            throw MalformedLine(reason: "it is not as an export writes it")
        }
    }

    private init(reading line: [UInt8]) throws(MalformedLine) {
        var fields = Fields()
        guard (try? UTF8Span(validating: line.span)) != nil else {
            throw MalformedLine(reason: "the line is not UTF-8")
        }
        do {
            try line.withUnsafeBufferPointer { buffer in
                var cursor = JSONCursor(buffer)
                try fields.read(&cursor)
            }
        } catch {
            throw MalformedLine(reason: (error as? MalformedPayload)?.reason ?? "\(error)")
        }
        switch fields.texts["type"] {
        case "fleetlog.event": self = .event(try fields.event(), leaf: try fields.leaf())
        case "fleetlog.departed": self = .departed(position: try fields.number("position"), leaf: try fields.leaf())
        case "fleetlog.head":
            let note = fields.note ?? ""
            do throws(SealError) {
                self = .head(try SignedHead(note))
            } catch {
                throw MalformedLine(reason: error.description)
            }
        case let other: throw MalformedLine(reason: "'\(other ?? "")' is no type of a line")
        }
    }
}

package struct MalformedLine: Error, Sendable, Hashable {
    package var reason: String
}

/// The attributes of a line.
private struct Fields {
    var texts: [String: String] = [:]
    var schemaVersion: Int64?
    var data: [UInt8]?
    var note: String?

    mutating func read(_ cursor: inout JSONCursor) throws(MalformedPayload) {
        guard cursor.skip("{") else { throw cursor.malformed("the line is no object") }
        var isFirst = true
        while try cursor.hasNext(before: "}", isFirst: isFirst) {
            isFirst = false
            let key = try cursor.key()
            switch key {
            case "schemaversion": schemaVersion = cursor.wholeNumber()
            case "data":
                _ = cursor.peek()
                let start = cursor.next
                if texts["type"] == "fleetlog.head" {
                    note = try Self.note(&cursor)
                } else {
                    try cursor.skipValue()
                    data = Array(cursor.bytes[start..<cursor.next])
                }
            default:
                guard cursor.peek() == UInt8(ascii: "\"") else { throw cursor.malformed("'\(key)' is no text") }
                texts[key] = try cursor.string()
            }
        }
        guard cursor.isAtEnd else { throw cursor.malformed("something follows the object") }
        if let base64 = texts["data_base64"] { data = Data(base64Encoded: base64).map { Array($0) } }
    }

    private static func note(_ cursor: inout JSONCursor) throws(MalformedPayload) -> String {
        guard cursor.skip("{"), try cursor.key() == "note", cursor.peek() == UInt8(ascii: "\"") else {
            throw cursor.malformed("a head's data is its note")
        }
        let note = try cursor.string()
        guard cursor.skip("}") else { throw cursor.malformed("a head's data is its note") }
        return note
    }

    func value<Value>(_ key: String, _ make: (String) -> Value?) throws(MalformedLine) -> Value {
        guard let value = texts[key].flatMap(make) else { throw MalformedLine(reason: "'\(key)' is missing or wrong") }
        return value
    }

    func number(_ key: String) throws(MalformedLine) -> Int64 { try value(key) { Int64($0) } }

    func leaf() throws(MalformedLine) -> TreeHash {
        try value("leaf") { Data(base64Encoded: $0).flatMap { TreeHash(Array($0)) } }
    }

    func event() throws(MalformedLine) -> RecordedEvent {
        guard let data else { throw MalformedLine(reason: "'data' is missing") }
        guard let schemaVersion, let schema = Int32(exactly: schemaVersion) else {
            throw MalformedLine(reason: "'schemaversion' is missing or wrong")
        }
        return RecordedEvent(
            position: try number("position"), stream: try value("subject") { StreamName($0) },
            version: try number("version"), recordedTime: try value("recordedtime") { Timestamp($0) },
            event: NewEvent(
                id: try value("id") { UUID128($0) }, type: try value("eventtype") { $0 }, schemaVersion: schema,
                observedTime: try value("time") { Timestamp($0) }, data: data,
                metadata: EventMetadata(
                    principal: try value("principal") { Principal($0) },
                    account: AccountID(try value("account") { $0 }),
                    commandID: try value("commandid") { UUID128($0) },
                    causationID: try texts["causationid"].map { _ throws(MalformedLine) in
                        try value("causationid") { UUID128($0) }
                    },
                    correlationID: try texts["correlationid"].map { _ throws(MalformedLine) in
                        try value("correlationid") { UUID128($0) }
                    },
                    traceParent: texts["traceparent"])))
    }
}

extension TreeHash {
    package var base64: String { Data(bytes).base64EncodedString() }
}
