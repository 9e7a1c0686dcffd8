import Foundation
import Installation
import Support
import Testing

extension EndToEnd {
    @Suite(.timeLimit(.minutes(2))) struct `An import of devices` {
        @Test func `registers each line once, however often it runs, and says what it refused`() async throws {
            try await TestedSystem.with { system in
                let server = try await system.start()
                let folder = NSTemporaryDirectory() + "fleetlog-import-\(UInt64.random(in: 0...UInt64.max))"
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
                defer { try? FileManager.default.removeItem(atPath: folder) }
                let file = folder + "/fleet.csv"
                let good = (0..<1_200).map { "S-\($0),smoke,Device \($0)" }
                let text = (["serial,type,name"] + good + ["S-7,smoke,again", "X,No Type,", "Y"]).joined(
                    separator: "\n")
                try text.write(toFile: file, atomically: true, encoding: .utf8)
                let api = system.api(server)
                func run() async throws -> (succeeded: Bool, text: String) {
                    let output = try await Executable.output(
                        ["devices", "import", file, "--api", "http://127.0.0.1:\(api.port)", "--token", api.token])
                    return (output.succeeded, output.text + output.errors)
                }
                let first = try await run()
                guard !first.succeeded, first.text.contains("1200 registered, 0 registered earlier, 3 refused") else {
                    throw Wrong("the first run says \(first.text)")
                }
                let refused = try String(contentsOfFile: file + ".refused", encoding: .utf8)
                let lines = refused.split(separator: "\n").map { $0.split(separator: ",")[0] }.sorted()
                guard lines == ["1202", "1203", "1204", "line"], refused.contains("stands in line 9 already"),
                    refused.contains("has 1 fields, the header 3")
                else {
                    throw Wrong("it refuses \(refused)")
                }
                let registered = "select count(*) from events where type = 'DeviceRegistered'"
                let count = try await system.number("registered", registered)
                let keys = try String(contentsOfFile: file + ".keys", encoding: .utf8).split(separator: "\n")
                guard count == 1_200, keys.count == 1_201, keys[1].contains(",flk_") else {
                    throw Wrong("\(count) are registered, \(keys.count) lines of keys")
                }
                // Killed before the last of the keys were written: the others are not asked for again.
                try keys.prefix(1_000).joined(separator: "\n").appending("\n")
                    .write(toFile: file + ".keys", atomically: true, encoding: .utf8)
                let second = try await run()
                guard second.text.contains("0 registered, 1000 registered earlier, 203 refused"),
                    try await system.number("registered", registered) == 1_200
                else { throw Wrong("the second run says \(second.text)") }
                let reasons = try String(contentsOfFile: file + ".refused", encoding: .utf8)
                guard reasons.contains("has the serial number") else { throw Wrong("it says \(reasons)") }
            }
        }

        @Test func `keeps whole lines of keys when there is no more room for them, and says how many are lost`()
            async throws
        {
            struct Body: Decodable {
                struct Device: Decodable { var serial: String }
                var devices: [Device]
            }
            let key = "flk_" + String(repeating: "k", count: 43)
            let server = try FakeServer { request in
                let serials = (try? JSONDecoder().decode(Body.self, from: request.body))?.devices.map(\.serial) ?? []
                let items = serials.map { #"{"id":"i","apiKey":"\#(key)","serial":"\#($0)"}"# }
                return .init(body: #"{"items":[\#(items.joined(separator: ","))],"next":null}"#)
            }
            defer { server.stop() }
            let folder = try ThrowawayFolder.make()
            defer { ThrowawayFolder.remove(folder) }
            let file = folder + "/fleet.ndjson"
            try (0..<500).map { #"{"serial":"S-\#($0)","type":"smoke"}"# }.joined(separator: "\n")
                .write(toFile: file, atomically: true, encoding: .utf8)
            let output = try await Command(
                "/bin/bash",
                [
                    // Blocks of 1,024 bytes; without the signal that tells of it.
                    "-c", "trap '' XFSZ; ulimit -f 16; exec \"$@\"", "sh", Executable.path, "devices", "import", file,
                    "--api", server.url.absoluteString, "--token", "t",
                ]
            ).output()
            let text = try String(contentsOfFile: file + ".keys", encoding: .utf8)
            let lines = text.split(separator: "\n").dropFirst()
            guard !output.succeeded, text.hasSuffix("\n"), (100..<500).contains(lines.count),
                lines.allSatisfy({ $0.hasSuffix("," + key) }),
                output.errors.contains("\(500 - lines.count) devices are registered whose keys are not in it"),
                output.errors.contains("S-\(lines.count)")
            else {
                throw Wrong("\(output.ending), \(lines.count) keys, \(output.errors)\nends with \(text.suffix(100))")
            }
        }
    }
}
