import Foundation
import Synchronization

/// A receiver of `Tests/Receivers`, which narrates on its output what reaches it.
package final class ReceiverProcess: Sendable {
    package let port: Int
    private let lines: Lines
    private let input: Pipe

    /// - Parameter script: the file's name.
    package init(_ script: String, _ arguments: [String] = []) async throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Receivers")
        let (process, input, output, lines) = (Process(), Pipe(), Pipe(), Lines())
        process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        process.arguments = [folder.appendingPathComponent(script).path] + arguments
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        // It ends with its input, and so with this process at the latest.
        process.standardInput = input
        try process.run()
        let handle = output.fileHandleForReading
        Thread.detachNewThread {
            while case let data = handle.availableData, !data.isEmpty { lines.add(data) }
        }
        self.input = input
        self.lines = lines
        try await eventually("the receiver says its port") { lines.port != nil }
        port = lines.port ?? 0
    }

    deinit { try? input.fileHandleForWriting.close() }

    /// What has reached it so far.
    package var received: [[String: Any]] {
        lines.told.compactMap { try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] }
    }

    /// All that has reached it, once that are as many; its own output may come later than its answer.
    package func received(atLeast count: Int) async throws -> [[String: Any]] {
        try await eventually("\(count) have reached the receiver") { lines.told.count >= count }
        return received
    }

    private final class Lines: Sendable {
        private let text = Mutex(Data())

        func add(_ data: Data) { text.withLock { $0.append(data) } }

        private var all: [Substring] {
            text.withLock { String(decoding: $0, as: UTF8.self) }
                .split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        }

        var port: Int? { all.first.flatMap { Int($0) } }
        var told: [Substring] { Array(all.dropFirst()) }
    }
}
