import Foundation
import Installation

/// What the measurements were made on.
package struct Machine: Sendable {
    package let facts: [(name: String, value: String)]

    /// - Throws: if Postgres or Mosquitto is not installed.
    package static func current() throws -> Machine {
        let information = ProcessInfo.processInfo
        return Machine(facts: [
            ("processor", "\(processor()), \(information.activeProcessorCount) cores"),
            ("memory", "\(information.physicalMemory >> 30) GiB"),
            ("system", "\(release()), Linux \(kernel())"),
            ("Postgres", firstLine(try Programs.postgres().postgresFolder + "/postgres", ["--version"])),
            ("Mosquitto", firstLine(try Programs.mosquitto(), ["-h"])),
            ("date", String(Date.now.ISO8601Format().prefix(10))),
        ])
    }

    private static func processor() -> String { value(of: "model name", in: "/proc/cpuinfo", separator: ":") }
    private static func release() -> String { value(of: "PRETTY_NAME", in: "/etc/os-release", separator: "=") }

    private static func kernel() -> String {
        (try? String(contentsOfFile: "/proc/sys/kernel/osrelease", encoding: .utf8))?
            .trimmingCharacters(in: .whitespacesAndNewlines) ?? "unknown"
    }

    private static func value(of name: String, in file: String, separator: Character) -> String {
        let text = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix(name) }
        let value = line?.split(separator: separator, maxSplits: 1).last ?? "unknown"
        return value.trimmingCharacters(in: CharacterSet(charactersIn: " \t\""))
    }

    private static func firstLine(_ program: String, _ arguments: [String]) -> String {
        let (process, output) = (Process(), Pipe())
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return "unknown" }
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return text.split(separator: "\n").first.map(String.init) ?? "unknown"
    }
}
