import Foundation
import Gateway
import Runtime
import Testing

@Suite struct `A line of an export` {
    private static func event(_ data: String, _ metadata: EventMetadata) -> RecordedEvent {
        RecordedEvent(
            position: .max, stream: StreamName(category: "device", id: "k3x"), version: 2,
            recordedTime: Timestamp(microseconds: 1_795_000_000_000_001),
            event: NewEvent(
                id: .v7(), type: #"Sam"pled"#, schemaVersion: 3,
                observedTime: Timestamp(microseconds: -1), data: Array(data.utf8), metadata: metadata))
    }

    private static let bare = EventMetadata(principal: .system, account: .default, commandID: .v7())
    private static let full = EventMetadata(
        principal: .device("k3x"), account: AccountID("é\"\\ü"), commandID: .v7(), causationID: .v7(),
        correlationID: .v7(), traceParent: "00-\u{1}-\"")

    @Test(arguments: [
        "null", "1", #""x""#, "{}", "[]", #"{"a":[1,{"b":"}]\"\\"}],"c":true}"#, " [1,  2] ", "{\n\"a\" : 1\r\n}",
        #"{"é":"\u0041\n"}"#, "-1.5e+10",
    ])
    func `reads as it was written, byte for byte`(data: String) throws {
        for metadata in [Self.bare, Self.full] {
            let event = Self.event(data, metadata)
            var line: [UInt8] = []
            ExportedLine(.event(event)).append(to: &line)
            #expect(line.last == UInt8(ascii: "\n") && !line.dropLast().contains(UInt8(ascii: "\n")))
            let object = try #require(try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any])
            #expect(object["specversion"] as? String == "1.0" && object["id"] as? String == "\(event.id)")
            let read = try ExportedLine(Array(line.dropLast()))
            #expect(read == .event(event, leaf: .leaf(event.sealedBytes)))
            guard case .event(let again, _) = read else { return }
            #expect(again.sealedBytes == event.sealedBytes)
        }
    }

    @Test func `may also be a head, or an event that has left`() throws {
        let head = try SignedHead(
            size: 7, root: .emptyLeaf, time: Timestamp(microseconds: 5), signedBy: [try SealsInMemory.key()])
        for line in [ExportedLine.head(head), .departed(position: 3, leaf: .emptyLeaf)] {
            var bytes: [UInt8] = []
            line.append(to: &bytes)
            #expect(try JSONSerialization.jsonObject(with: Data(bytes)) is [String: Any])
            #expect(try ExportedLine(Array(bytes.dropLast())) == line)
        }
    }

    @Test func `that is cut off or altered is refused or reads as something else`() throws {
        let event = Self.event(#"{"a":[1,2]}"#, Self.full)
        var line: [UInt8] = []
        ExportedLine(.event(event)).append(to: &line)
        line.removeLast()
        let whole = ExportedLine(.event(event))
        for end in 0..<line.count {
            #expect(throws: MalformedLine.self) { try ExportedLine(Array(line[..<end])) }
        }
        for index in line.indices {
            var changed = line
            changed[index] ^= 0x01
            if let read = try? ExportedLine(changed) { #expect(read != whole) }
        }
        #expect(throws: MalformedLine.self) { try ExportedLine([0xFF, 0xFE]) }
        #expect(throws: MalformedLine.self) {
            try ExportedLine(Array("[".utf8) + Array(repeating: 0x5B, count: 100_000))
        }
    }

    @Test func `says nothing beside what is sealed`() throws {
        let event = Self.event(#"{"a":1}"#, Self.full)
        var line: [UInt8] = []
        ExportedLine(.event(event)).append(to: &line)
        let text = String(decoding: line.dropLast(), as: UTF8.self)
        let payload = Data(event.data).base64EncodedString()
        let doctored = [
            text.replacing(#""data":{"a":1}"#, with: #""data":{"a":2},"data_base64":"\#(payload)""#),
            text.replacing(#""data":{"a":1}"#, with: #""data":{"a":2},"data":{"a":1}"#),
            text.replacing(#","principal":"#, with: #","principal":"system","principal":"#),
            text.replacing("/api/v1/streams/device-k3x", with: "/api/v1/streams/device-other"),
            text.replacing(#","datacontenttype""#, with: #","note":"approved","datacontenttype""#),
            text.replacing(#"{"specversion""#, with: #"{ "specversion""#),
        ]
        for line in doctored {
            #expect(line != text)
            #expect(throws: MalformedLine.self) { try ExportedLine(Array(line.utf8)) }
        }
        let head = try SignedHead(
            size: 7, root: .emptyLeaf, time: Timestamp(microseconds: 5), signedBy: [try SealsInMemory.key()])
        var bytes: [UInt8] = []
        ExportedLine.head(head).append(to: &bytes)
        let later = String(decoding: bytes.dropLast(), as: UTF8.self)
            .replacing(#""position":"7""#, with: #""position":"9""#)
        #expect(throws: MalformedLine.self) { try ExportedLine(Array(later.utf8)) }
    }
}
