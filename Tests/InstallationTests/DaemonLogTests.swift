import Foundation
import Logging
import ServiceLifecycle
import Support
import Testing

@testable import Installation

@Suite(.timeLimit(.minutes(2))) struct `What a server program prints` {
    /// A file system that can take the beginning out of a file, and one that cannot.
    @Test(arguments: ["/var/tmp", "/dev/shm"])
    func `is cut when it has become long, and its end is kept`(place: String) throws {
        let path = "\(place)/fleetlog-log-\(UInt32.random(in: .min ... .max))"
        defer { for file in [path, path + ".1"] { unlink(file) } }
        let file = try DaemonLog.open(path)
        defer { close(file) }
        let bounds = LogBounds(bytes: 100_000)
        for first in stride(from: 0, to: 40_000, by: 4_000) {
            try write(first..<first + 4_000, to: file)
            try DaemonLog.bound(path, bounds)
            let (old, new) = (size(path + ".1"), size(path))
            #expect(old + new <= 2 * bounds.bytes && new <= bounds.bytes, "\(old) and \(new)")
        }
        let lines = lines(path)
        // The first may have lost its beginning.
        #expect(lines.dropFirst().map { Int($0) } == ((40_000 - lines.count + 1)..<40_000).map { $0 })
        #expect(size(path + ".1") + size(path) >= bounds.bytes)
    }

    @Test func `of years is not kept whole when it is cut for the first time`() throws {
        let path = "/var/tmp/fleetlog-log-\(UInt32.random(in: .min ... .max))"
        defer { for file in [path, path + ".1"] { unlink(file) } }
        let before = try DaemonLog.open(path)
        defer { close(before) }
        try write(0..<100_000, to: before)
        let file = try DaemonLog.open(path, bounds: LogBounds(bytes: 50_000))
        defer { close(file) }
        #expect(size(path + ".1") <= 50_000 && size(path) <= 50_000)
        #expect(lines(path).last == "99999")
    }

    @Test(.enabled(if: canTakeBeginnings(of: "/var/tmp")))
    func `is bounded while it is written, and no line of it is lost`() async throws {
        let daemon = Chatterbox(log: "/var/tmp/fleetlog-log-\(UInt32.random(in: .min ... .max))")
        defer { for file in [daemon.log, daemon.log + ".1"] { unlink(file) } }
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let supervised = SupervisedProcess(DaemonProcess(daemon, logger: logger), logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await supervised.run() }
            try await eventually("it is cut several times") {
                contents(daemon.log + ".1").split(separator: 10).dropFirst().first
                    .flatMap { Int(String(decoding: $0, as: UTF8.self)) }.map { $0 > 200_000 } ?? false
            }
            tasks.cancelAll()
            try await tasks.waitForAll()
        }
        let numbers = lines(daemon.log).dropFirst().map { Int($0) }
        #expect(zip(numbers, numbers.dropFirst()).allSatisfy { $0.map { $0 + 1 } == $1 } && numbers.count > 1_000)
        #expect(size(daemon.log + ".1") <= daemon.logBounds.bytes)
    }
}

/// Prints numbers, one a line, as fast as it can.
private struct Chatterbox: Daemon {
    let log: String
    var name: String { "chatterbox" }
    var stopSignal: CInt { SIGTERM }
    var logBounds: LogBounds { LogBounds(bytes: 100_000, look: .milliseconds(5)) }

    func leftovers() -> Leftovers { Leftovers() }
    func prepare() async throws(InstallationError) -> DaemonCommand {
        let script = "i=0; while :; do echo $i; i=$((i+1)); done"
        return DaemonCommand(executable: "/bin/sh", arguments: ["-c", script], folder: "/", user: .us)
    }
    func isReady(_ process: RunningProcess) -> Bool { true }
    func finish() async throws(InstallationError) {}
}

private func write(_ numbers: Range<Int>, to file: CInt) throws {
    let text = numbers.map { "\($0)\n" }.joined()
    try FileHandle(fileDescriptor: file).write(contentsOf: Data(text.utf8))
}

/// Nothing for a file that is not there yet.
private func contents(_ path: String) -> Data { FileManager.default.contents(atPath: path) ?? Data() }

private func size(_ path: String) -> Int { contents(path).count }

/// Everything that is kept, in the order in which it was printed.
private func lines(_ path: String) -> [String] {
    (contents(path + ".1") + contents(path)).split(separator: 10).map { String(decoding: $0, as: UTF8.self) }
}

private func canTakeBeginnings(of folder: String) -> Bool {
    let path = "\(folder)/fleetlog-probe-\(UInt32.random(in: .min ... .max))"
    let file = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
    defer {
        close(file)
        unlink(path)
    }
    return ftruncate(file, 1 << 20) == 0 && DaemonLog.take(1 << 16, outOf: file)
}
