import AsyncHTTPClient
import Foundation
import Installation
import NIOCore
import NIOHTTP1

/// This very program in processes of their own, as an operator runs it.
struct OwnProgram: Sendable {
    let url: String
    let broker: PrivateBroker
    private let folder: String
    private let port: Int
    private let token: String

    init(_ servers: ThrowawayServers, url: String, broker: PrivateBroker) async throws {
        (self.url, self.broker, folder) = (url, broker, servers.folder)
        port = try PortCheck.freePort()
        let output = servers.folder + "/token.output"
        let folder = servers.folder
        try await onThreadOfItsOwn {
            let process = try Self.start(["token", "create", "bench", "--database-url", url], as: "token", in: folder)
            process.waitUntilExit()
        }
        token = try String(contentsOfFile: output, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private var api: String { "http://127.0.0.1:\(port)" }

    var brokerPID: Int32 {
        get throws {
            let text = try String(contentsOfFile: broker.files.processID, encoding: .utf8)
            guard let pid = Int32(text.filter(\.isNumber)) else { throw BenchmarkFailed("the broker has no number") }
            return pid
        }
    }

    /// Returns when the server can do all of its work.
    func serve() async throws -> Process {
        let server = try Self.start(
            [
                "serve", "--http-port", "\(port)", "--mqtt-host", broker.address, "--mqtt-port", "\(broker.port)",
                "--mqtt-secret-file", broker.files.gatewayPasswordFile, "--database-url", url,
            ], as: "server", in: folder)
        try await until("the server is ready", within: .seconds(60)) {
            guard server.isRunning else { throw BenchmarkFailed("the server has ended: \(said(by: "server"))") }
            let answer = try? await HTTPClient.shared.execute(
                HTTPClientRequest(url: api + "/readyz"), timeout: .seconds(5))
            return answer?.status == .ok
        }
        return server
    }

    /// Registers devices and returns their ids.
    func importDevices(_ count: Int) async throws -> [String] {
        let file = folder + "/fleet.csv"
        let lines = (0..<count).map { "BENCH-\($0),temperature\n" }
        try Data(("serial,type\n" + lines.joined()).utf8).write(to: URL(fileURLWithPath: file))
        let status = try await onThreadOfItsOwn {
            let process = try Self.start(
                ["devices", "import", file, "--api", api], as: "import", in: folder, environment: access)
            process.waitUntilExit()
            return process.terminationStatus
        }
        guard status == 0 else { throw BenchmarkFailed("devices are not registered: \(said(by: "import"))") }
        let keys = try String(contentsOfFile: file + ".keys", encoding: .utf8)
        return keys.split(separator: "\n").dropFirst().map { String($0.split(separator: ",")[1]) }
    }

    /// Connects devices that publish once a minute each, and in the end read back whether everything is there.
    func simulate(_ count: Int, number: Int, seconds: Int) throws -> Process {
        try Self.start(
            [
                "simulate", "--devices", "\(count)", "--rate", "\(Double(count) / 60)", "--seconds", "\(seconds)",
                "--scenario", "normal", "--seed", "\(number)", "--api", api, "--mqtt-host", broker.address,
                "--mqtt-port", "\(broker.port)",
            ], as: Self.name(ofSimulation: number), in: folder,
            environment: access.merging(["FLEETLOG_SIMULATE_MAX_DEVICES": "\(count)"]) { $1 })
    }

    static func name(ofSimulation number: Int) -> String { "simulation-\(number)" }

    /// The last lines of what a program has written.
    func said(by name: String) -> String {
        ["output", "errors"].map { kind in
            let text = (try? String(contentsOfFile: "\(folder)/\(name).\(kind)", encoding: .utf8)) ?? ""
            return text.split(separator: "\n").suffix(10).joined(separator: "\n")
        }.joined(separator: "\n")
    }

    private var access: [String: String] { ["FLEETLOG_TOKEN": token] }

    private static func start(
        _ arguments: [String], as name: String, in folder: String, environment: [String: String] = [:]
    ) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments = arguments
        process.environment = environment.merging(["PATH": ProcessInfo.processInfo.environment["PATH"] ?? ""]) { $1 }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try file("\(folder)/\(name).output")
        process.standardError = try file("\(folder)/\(name).errors")
        try process.run()
        return process
    }

    private static func file(_ path: String) throws -> FileHandle {
        guard FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600]),
            let handle = FileHandle(forWritingAtPath: path)
        else { throw BenchmarkFailed("\(path) cannot be written") }
        return handle
    }
}
