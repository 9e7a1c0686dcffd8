import ArgumentParser
import Foundation
import Runtime
import Testing

@testable import Fleetlog

@Suite struct `A setting` {
    private func sources(
        flags: [String: String] = [:], environment: [String: String] = [:], file: String? = nil
    ) throws -> SettingsSources {
        var flags = flags
        if let file {
            let path = NSTemporaryDirectory() + "fleetlog-settings-\(UInt64.random(in: 0...UInt64.max)).yaml"
            try file.write(toFile: path, atomically: true, encoding: .utf8)
            flags["config"] = path
        }
        defer { if file != nil, let path = flags["config"] { try? FileManager.default.removeItem(atPath: path) } }
        return try SettingsSources(flags: flags, environment: environment)
    }

    private func message(_ body: () throws -> Void) -> String {
        do {
            try body()
            return "no error"
        } catch {
            return "\(error)"
        }
    }

    @Test func `is taken from the flag, then the environment, then the file`() throws {
        let environment = ["FLEETLOG_HTTP_PORT": "2"]
        let file = "http-port: 3\nmqtt-port: 4\n"
        #expect(
            try sources(flags: ["http-port": "1"], environment: environment, file: file).value("http-port")?.text == "1"
        )
        #expect(try sources(environment: environment, file: file).value("http-port")?.text == "2")
        #expect(try sources(file: file).value("http-port")?.text == "3")
        #expect(try sources(environment: environment, file: file).value("mqtt-port")?.text == "4")
        #expect(try sources().value("http-port") == nil)
    }

    @Test func `that is a flag is also a key of the file`() throws {
        let flags = try ServerOptions.parse([]).keys.subtracting(["config"])
        #expect(flags.contains("drift-check-seconds"))
        #expect(flags == SettingsSources.names)
    }

    @Test func `that is no number in its range is refused with the place it came from`() throws {
        let settings = try sources(environment: ["FLEETLOG_HTTP_PORT": "eighty"])
        #expect(
            message { _ = try settings.number("http-port", in: 1...65_535, default: 8_080) }.contains(
                "FLEETLOG_HTTP_PORT is 'eighty'"))
        let large = try sources(flags: ["http-port": "70000"])
        #expect(
            message { _ = try large.number("http-port", in: 1...65_535, default: 8_080) }.contains(
                "--http-port is '70000'"))
    }

    @Test func `that is missing is named as flag and as variable`() throws {
        let settings = try sources()
        let text = message { _ = try settings.required("database-url") }
        #expect(text.contains("--database-url"))
        #expect(text.contains("FLEETLOG_DATABASE_URL"))
    }

    @Test(arguments: [
        ("htpp-port: 1", "unknown key 'htpp-port'"), ("- 1", "key: value"), ("http-port: [1]", "single value"),
        ("a: b: c", "not YAML"),
    ])
    func `in a file that cannot be meant so is refused`(_ file: String, _ expected: String) {
        #expect(message { _ = try sources(file: file) }.contains(expected))
    }

    @Test(arguments: ["elsewhere", "deliverySent:0", "deliverySent:often"])
    func `for a failpoint that there is not stops the start`(_ text: String) throws {
        let flags = ["database-url": "postgresql://x/y"]
        let refused = try sources(flags: flags, environment: ["FLEETLOG_FAILPOINT": text])
        let message = message { _ = try ServerSettings(refused) }
        #expect(message.contains("FLEETLOG_FAILPOINT is '\(text)'") && message.contains("deliverySent"), "\(message)")
        let taken = try sources(flags: flags, environment: ["FLEETLOG_FAILPOINT": "deliverySent:2"])
        #expect(try ServerSettings(taken).failpoint == ArmedFailpoint("deliverySent:2"))
    }

    @Test func `for a failpoint is refused where there are none, and before anything else is looked at`() throws {
        let environment = ["FLEETLOG_FAILPOINT": "deliverySent"]
        let refused = message {
            _ = try ArmedFailpoint(try sources(environment: environment), exist: false)
        }
        #expect(refused == "FLEETLOG_FAILPOINT is set: only a debug build has failpoints")
        #expect(try ArmedFailpoint(try sources(), exist: false) == nil)
        let wrong = try sources(
            flags: ["http-port": "eighty"], environment: ["FLEETLOG_FAILPOINT": "elsewhere"])
        #expect(message { _ = try ServerSettings(wrong) }.hasPrefix("FLEETLOG_FAILPOINT is 'elsewhere'"))
    }

    @Test func `that offers a choice names what can be chosen`() throws {
        let settings = try sources(flags: ["database-url": "postgresql://x/y", "metrics-access": "everybody"])
        #expect(message { _ = try ServerSettings(settings) }.contains("loopback or all"))
    }
}
