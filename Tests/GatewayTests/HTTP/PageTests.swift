import Aggregates
import Foundation
import Gateway
import Runtime
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(3))) struct `The page` {
    @Test func `is served with its files, and not sent again unchanged`() async throws {
        try await TestGateway.with { gateway in
            for path in [
                "/", "/page.css", "/app.js", "/api.js", "/fleet.js", "/view.js", "/alerts.js", "/rollouts.js",
                "/favicon.svg",
            ] {
                let reply = try await gateway.ask("GET", path, token: "")
                #expect(reply.status == 200 && !reply.body.isEmpty)
                let tag = try #require(reply.headers["etag"])
                #expect(try await gateway.ask("GET", path, ["If-None-Match": tag], token: "").status == 304)
            }
        }
    }

    @Test(.enabled(if: Browser.isInstalled, "needs chromium, chromium-driver and python3-selenium"))
    func `works in a real browser, with a hundred devices reporting`() async throws {
        try await TestGateway.with { gateway in
            var devices: [String] = []
            for number in 1...120 {
                devices.append(
                    try await gateway.register(["Flat", "Stairs", "Cellar", "Roof"][number % 4] + " \(number)"))
            }
            let fleet = devices
            try await gateway.raise("overheating-1", device: fleet[0])
            try await gateway.raise("silence-1", device: fleet[1], severity: .warning)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    // Once the browser has acknowledged it, it is over, and the next one comes.
                    try await gateway.stream("alert-overheating-1", reaches: 2)
                    try await gateway.clear("overheating-1")
                    try await gateway.raise("overheating-2", device: fleet[2])
                }
                group.addTask {
                    var number = 0
                    while !Task.isCancelled {
                        let device = fleet[number % fleet.count]
                        try await gateway.record(18 + Double(number % 70) / 10, for: device)
                        if number % 3 == 0 {
                            try await gateway.record(Double(40 + number % 30), of: "humidity", for: device)
                        }
                        if number % 5 == 0 { try await gateway.record(3.7, of: "voltage", for: device) }
                        number += 1
                        // A fleet of this size reports a few times a second.
                        try? await Task.sleep(for: .milliseconds(150))
                    }
                }
                let (status, output) = try await Browser.run("http://127.0.0.1:\(gateway.port)", gateway.admin)
                group.cancelAll()
                #expect(status == 0, "\(output)")
            }
        }
    }
}

extension TestGateway {
    /// Waits until the stream has so many events.
    fileprivate func stream(_ name: String, reaches version: Int64) async throws {
        let stream = try #require(StreamName(name))
        var heard = store.signal.position
        while try await store.readStream(stream, from: version, limit: 1).isEmpty {
            try Task.checkCancellation()
            await store.signal.wait(past: heard, atMost: .seconds(1))
            heard = store.signal.position
        }
    }
}

/// The script that drives Chromium.
enum Browser {
    static let isInstalled =
        FileManager.default.isExecutableFile(atPath: "/usr/bin/chromedriver")
        && FileManager.default.fileExists(atPath: "/usr/lib/python3/dist-packages/selenium")

    static func run(_ base: String, _ token: String) async throws -> (status: Int32, output: String) {
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Browser/page_test.py").path
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        process.arguments = [script, base, token]
        if let folder = ProcessInfo.processInfo.environment["FLEETLOG_SCREENSHOTS"] {
            process.arguments? += ["--screenshots", folder]
        }
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        let status: Int32 = try await withCheckedThrowingContinuation { done in
            process.terminationHandler = { done.resume(returning: $0.terminationStatus) }
            do { try process.run() } catch { done.resume(throwing: error) }
        }
        return (status, String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self))
    }
}
