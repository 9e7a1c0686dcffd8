import Foundation
import Testing

@testable import Fleetlog

private func records(_ text: String) -> [CSVReader.Record] { Array(CSVReader(Array(text.utf8))) }

@Suite struct `A file of comma-separated values` {
    @Test func `is read as RFC 4180 has it`() {
        let text = "a,b,c\r\n\"1\",\"x \"\"y\"\", z\",\n\n,\"two\nlines\",ü\n\"last\",,"
        #expect(
            records(text) == [
                .init(line: 1, fields: .success(["a", "b", "c"])),
                .init(line: 2, fields: .success(["1", "x \"y\", z", ""])),
                .init(line: 4, fields: .success(["", "two\nlines", "ü"])),
                .init(line: 6, fields: .success(["last", "", ""])),
            ])
        #expect(records("").isEmpty && records("\n\r\n").isEmpty)
        #expect(records("\u{FEFF}a").first?.fields == .success(["a"]))
    }

    @Test(arguments: [
        ("\"a\"b,c\nd", CSVError.textBehindQuotes), ("a\"b\nd", .strayCharacter), ("a\rb\nd", .strayCharacter),
    ])
    func `has a malformed line refused, and goes on with the next`(_ text: String, _ error: CSVError) {
        #expect(records(text) == [.init(line: 1, fields: .failure(error)), .init(line: 2, fields: .success(["d"]))])
    }

    @Test func `has no line behind quotes that never close, and none that is not UTF-8`() {
        #expect(records("\"a\nb") == [.init(line: 1, fields: .failure(.openQuotes))])
        let bytes = CSVReader([0xFF, 0x0A, 0x61])
        #expect(Array(bytes).map(\.fields) == [.failure(.notUTF8), .success(["a"])])
    }
}

@Suite struct `A file of devices` {
    private func lines(_ text: String, _ format: DeviceLines.Format) throws -> [DeviceLines.Line] {
        Array(try DeviceLines(Array(text.utf8), as: format))
    }

    private func json(_ line: DeviceLines.Line) throws -> String {
        String(decoding: try line.content.get(), as: UTF8.self)
    }

    @Test func `in CSV becomes what the API takes`() throws {
        let text = """
            type,serial,label.floor,latitude,longitude,location,metadata
            smoke,S-1,2,52.5,13.4,Hall,"{""batch"":7}"
            water,S-2,,,,,
            """
        let lines = try lines(text, .csv)
        #expect(lines.map(\.number) == [2, 3] && lines.map(\.serial) == ["S-1", "S-2"])
        #expect(
            try json(lines[0])
                == #"{"labels":{"floor":"2"},"location":{"latitude":52.5,"longitude":13.4,"text":"Hall"},"#
                + #""metadata":{"batch":7},"serial":"S-1","type":"smoke"}"#)
        #expect(try json(lines[1]) == #"{"serial":"S-2","type":"water"}"#)
    }

    @Test func `has lines refused with their number and a reason`() throws {
        let text = "serial,type,latitude,metadata\n,smoke,,\na,smoke,north,\nb,smoke,,[]\nc,smoke\n\"d\"e\nf,smoke,,"
        let lines = try lines(text, .csv)
        #expect(lines.map(\.number) == [2, 3, 4, 5, 6, 7])
        let reasons = lines.map { line in
            if case .failure(let refusal) = line.content { refusal.reason } else { "" }
        }
        #expect(
            reasons == [
                "has no serial", "latitude is not a number", "metadata is not a JSON object",
                "has 2 fields, the header 4", "\(CSVError.textBehindQuotes)", "",
            ])
    }

    @Test(arguments: ["", "serial,name", "serial,type,colour", "serial,serial,type"])
    func `in CSV needs a header that can be understood`(_ text: String) {
        #expect(throws: SettingsError.self) { _ = try lines(text, .csv) }
    }

    @Test func `in NDJSON is taken as it is`() throws {
        let text =
            #"{"serial":"1","type":"smoke"}"# + "\n\n" + #"{"serial":7}"# + "\r\nnonsense\n"
            + #"{"serial":"2","account":"x"}"# + "\n" + #"{"serial":"3"}"#
        let lines = try lines(text, .ndjson)
        #expect(lines.map(\.number) == [1, 3, 4, 5, 6])
        #expect(try json(lines[0]) == #"{"serial":"1","type":"smoke"}"#)
        #expect(lines.map { (try? $0.content.get()) != nil } == [true, false, false, false, true])
    }
}

@Suite struct `The files of an import` {
    @Test func `are for their owner only, and say what an earlier run was given`() throws {
        let folder = NSTemporaryDirectory() + "fleetlog-import-\(UInt64.random(in: 0...UInt64.max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let (keys, refused) = (folder + "/keys", folder + "/refused")
        do {
            let first = try ImportFiles(keys: keys, refused: refused)
            #expect(first.known.isEmpty)
            try first.append(keys: [("a,b", "id1", "flk_1"), ("c\"", "id2", "flk_2")])
            try first.append(refused: [(7, "x", "is odd, \"very\"")])
        }
        for path in [keys, refused] {
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
            #expect(mode == 0o600)
        }
        #expect(
            try String(contentsOfFile: refused, encoding: .utf8) == "line,serial,reason\n7,x,\"is odd, \"\"very\"\"\"\n"
        )
        let second = try ImportFiles(keys: keys, refused: refused)
        #expect(second.known == ["a,b", "c\""])
        try second.append(keys: [("d", "id3", "flk_3")])
        #expect(try String(contentsOfFile: keys, encoding: .utf8).split(separator: "\n").count == 4)
        try "something else\n".write(toFile: refused, atomically: true, encoding: .utf8)
        #expect(throws: SettingsError.self) { try ImportFiles(keys: refused, refused: folder + "/other") }
    }
}
