import Foundation
import Support
import Synchronization
import Testing

@testable import Fleetlog

/// Answers batches as a server does, with a key for each device.
private struct Registrar {
    struct Body: Decodable {
        struct Device: Decodable { var serial: String }
        var devices: [Device]
    }

    static func key(of serial: String) -> String { "flk_" + serial.padding(toLength: 43, withPad: "x", startingAt: 0) }

    static func serials(in request: FakeServer.Request) -> [String] {
        ((try? JSONDecoder().decode(Body.self, from: request.body))?.devices ?? []).map(\.serial)
    }

    static func answer(_ request: FakeServer.Request) -> FakeServer.Answer {
        let items = serials(in: request).map { #"{"id":"id-\#($0)","apiKey":"\#(key(of: $0))","serial":"\#($0)"}"# }
        return .init(body: #"{"items":[\#(items.joined(separator: ","))],"next":null}"#)
    }
}

@Suite(.timeLimit(.minutes(2))) struct `An import from a file` {
    private func run(
        _ count: Int, _ handler: @escaping @Sendable (FakeServer.Request) -> FakeServer.Answer?
    ) async throws -> (outcome: Result<DeviceImport.Report, any Error>, keys: [String]) {
        let folder = try ThrowawayFolder.make()
        defer { ThrowawayFolder.remove(folder) }
        let server = try FakeServer(handler)
        defer { server.stop() }
        let files = try ImportFiles(keys: folder + "/keys", refused: folder + "/refused")
        let text = (0..<count).map { #"{"serial":"S-\#($0)","type":"smoke"}"# }.joined(separator: "\n")
        let outcome: Result<DeviceImport.Report, any Error>
        do {
            let lines = try DeviceLines(Array(text.utf8), as: .ndjson)
            let devices = DeviceImport(api: ImportAPI(server.url, token: "t"), files: files, account: nil)
            outcome = .success(try await devices.run(lines) { _ in })
        } catch {
            outcome = .failure(error)
        }
        let keys = try String(contentsOfFile: folder + "/keys", encoding: .utf8).split(separator: "\n").dropFirst()
        return (outcome, keys.map { String($0) })
    }

    @Test func `keeps the keys of all batches under way, also if one of them is refused`() async throws {
        let isRefused = DispatchSemaphore(value: 0)
        let (outcome, keys) = try await run(2_000) { request in
            if Registrar.serials(in: request).contains("S-0") {
                for _ in 0..<3 { isRefused.signal() }
                return .init(status: 403, body: #"{"detail":"not you"}"#)
            }
            // The refusal comes first.
            isRefused.wait()
            return Registrar.answer(request)
        }
        #expect(throws: SettingsError.self) { try outcome.get() }
        let wanted = (500..<2_000).map { "S-\($0),id-S-\($0),\(Registrar.key(of: "S-\($0)"))" }
        #expect(Set(keys) == Set(wanted))
    }

    @Test func `goes on with the same batch when a server in between has given up, or the server itself`() async throws
    {
        let answers = Mutex([504, 502, 503, 429])
        let seen = Mutex<[Data]>([])
        let (outcome, keys) = try await run(3) { request in
            seen.withLock { $0.append(request.body) }
            let status = answers.withLock { $0.isEmpty ? nil : $0.removeFirst() }
            return status.map { .init(status: $0, body: #"{"detail":"later"}"#) } ?? Registrar.answer(request)
        }
        #expect(try outcome.get() == .init(registered: 3, refused: 0, known: 0))
        #expect(keys.count == 3)
        #expect(seen.withLock { $0.count == 5 && Set($0).count == 1 })
    }
}

@Suite struct `A file of keys` {
    private let serials = ["S-1", "a,b", "c\"d"]

    private func with(_ body: (String) throws -> Void) throws {
        let folder = try ThrowawayFolder.make()
        defer { ThrowawayFolder.remove(folder) }
        try body(folder + "/keys")
    }

    private func whole(at path: String) throws -> Data {
        try KeysFile(path).append(serials.map { ($0, "id", Registrar.key(of: "k")) })
        return try Data(contentsOf: URL(fileURLWithPath: path))
    }

    @Test func `has whole lines again wherever its last line was torn, and loses no key that is in it`() throws {
        try with { path in
            let whole = try whole(at: path)
            let key = Data(Registrar.key(of: "k").utf8)
            for length in 0...whole.count {
                try whole.prefix(length).write(to: URL(fileURLWithPath: path))
                let keys = whole.prefix(length).ranges(of: key).count
                do {
                    let file = try KeysFile(path)
                    #expect(file.known == Set(serials.prefix(keys)), "\(length) bytes")
                    try file.append([("last", "id", Registrar.key(of: "k"))])
                }
                #expect(try KeysFile(path).known == Set(serials.prefix(keys) + ["last"]), "\(length) bytes")
            }
        }
    }

    @Test(arguments: ["no file of keys", "a,b,c\n1,2,3\n", "serial,id,apiKey\nonly,two\n", "x"])
    func `that is something else is left as it is`(_ text: String) throws {
        try with { path in
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
            #expect(throws: SettingsError.self) { _ = try KeysFile(path) }
            #expect(try String(contentsOfFile: path, encoding: .utf8) == text)
        }
    }

    @Test func `is one import's at a time`() throws {
        try with { path in
            let file = try KeysFile(path)
            #expect(throws: SettingsError.self) { _ = try KeysFile(path) }
            try file.append([("S", "id", "flk")])
        }
    }
}
