import Foundation
import Installation
import Support
import Testing

extension EndToEnd {
    @Suite(.timeLimit(.minutes(2))) struct `An export of the log` {
        private let lastAct = """
            select type from events where stream = 'administration-_installation' order by position desc limit 1
            """

        @Test func `is all there, or the file is as it was, and the log says which`() async throws {
            try await TestedSystem.with { system in
                let folder = try ThrowawayFolder.make()
                defer { ThrowawayFolder.remove(folder) }
                let server = try await system.start()
                _ = try await system.api(server).register("first")
                let export = ["audit", "export"]
                let database = ["--database-url", system.database.serverURL]
                let file = folder + "/log"

                // What is there is not given up for a database that does not answer.
                try Data("precious".utf8).write(to: URL(fileURLWithPath: file))
                let away = try await Executable.output(
                    export + [file, "--database-url", "postgresql:///x?host=\(folder)/nowhere"])
                guard !away.succeeded, try contents(file) == "precious" else { throw Wrong("it is gone: \(away)") }
                _ = try await Executable.run(export + [file] + database)
                guard try positions(file).first == 1, try await system.texts("act", lastAct) == ["LogExportEnded"]
                else {
                    throw Wrong("the export is \(try contents(file))")
                }
                let names = try FileManager.default.contentsOfDirectory(atPath: folder)
                guard names == ["log"] else { throw Wrong("left: \(names)") }

                for (name, output) in ["the device": "/dev/full", "the standard output": "-"] {
                    let full = try await Executable.output(intoFullDevice: export + [output] + database)
                    guard !full.succeeded, try await system.texts("act", lastAct) == ["AdministrativeActFailed"] else {
                        throw Wrong("\(name) is full, and it says \(full.errors)")
                    }
                }
                guard access("/dev/full", F_OK) == 0 else { throw Wrong("the device was replaced") }
                await server.kill()
            }
        }

        @Test func `goes on where it ended, and nowhere else, and a full disk leaves what was there`() async throws {
            try await TestedSystem.with { system in
                let folder = try ThrowawayFolder.make()
                defer { ThrowawayFolder.remove(folder) }
                let server = try await system.start()
                let (file, database) = (folder + "/log", ["--database-url", system.database.serverURL])
                _ = try await Executable.run(["audit", "export", file] + database)
                let (before, end) = (try contents(file), Int(try positions(file).last ?? 0))
                for number in 1...60 { _ = try await system.api(server).register("later-\(number)") }

                let full = try await Command(
                    "/bin/bash",
                    [
                        "-c", "trap '' XFSZ; ulimit -f 16; exec \"$@\"", "sh", Executable.path, "audit", "export", file,
                        "--after", "\(end)",
                    ] + database
                ).output()
                guard !full.succeeded, try contents(file) == before,
                    try await system.texts("act", lastAct) == ["AdministrativeActFailed"]
                else { throw Wrong("\(full.ending) \(full.errors): \(try contents(file).count) bytes") }

                let elsewhere = try await Executable.output(
                    ["audit", "export", file, "--after", "\(end - 1)"] + database)
                guard !elsewhere.succeeded, elsewhere.errors.contains("--after \(end)"), try contents(file) == before
                else { throw Wrong("not where it ended: \(elsewhere.errors)") }

                _ = try await Executable.run(["audit", "export", file, "--after", "\(end)"] + database)
                let all = try positions(file)
                guard try contents(file).hasPrefix(before), all.count > end + 60, all == Array(1...Int64(all.count))
                else { throw Wrong("it holds \(all)") }

                try Data(before.utf8.dropLast(10)).write(to: URL(fileURLWithPath: file))
                let torn = try await Executable.output(["audit", "export", file, "--after", "\(end)"] + database)
                guard !torn.succeeded, torn.errors.contains("whole line") else { throw Wrong(torn.errors) }
                await server.kill()
            }
        }

        private func contents(_ file: String) throws -> String { try String(contentsOfFile: file, encoding: .utf8) }

        private func positions(_ file: String) throws -> [Int64] {
            struct Line: Decodable { var position: String }
            return try contents(file).split(separator: "\n").compactMap { line in
                Int64(try JSONDecoder().decode(Line.self, from: Data(line.utf8)).position)
            }
        }
    }
}
