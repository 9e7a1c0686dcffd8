internal import CLinux
import Foundation
import Glibc

/// What this process keeps resident.
enum ResidentMemory {
    /// Without what the allocator has for nobody.
    static var bytes: Double {
        malloc_trim(0)
        let pages = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ")
        return (pages?.dropFirst().first.flatMap { Double($0) } ?? 0) * Double(sysconf(Int32(_SC_PAGESIZE)))
    }

    /// By how many MiB it grew at most while `body` ran.
    static func growth(_ body: () async throws -> Void) async throws -> Double {
        // Makes the peak what it is now.
        try Data("5".utf8).write(to: URL(fileURLWithPath: "/proc/self/clear_refs"))
        let before = try peak()
        try await body()
        return Double(try peak() - before) / 1_024
    }

    private static func peak() throws -> Int {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        guard let kilobytes = line.flatMap({ Int($0.filter(\.isNumber)) }) else {
            throw BenchmarkFailed("the system does not say how much memory is used")
        }
        return kilobytes
    }
}
