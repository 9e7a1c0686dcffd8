import Foundation

/// How much memory Postgres has for pages of tables and indexes.
enum SharedBuffers {
    /// Bytes that this machine has, or what its container may use of them.
    static var memory: UInt64 {
        let limit = try? String(contentsOfFile: "/sys/fs/cgroup/memory.max", encoding: .utf8)
        let allowed = limit.flatMap { UInt64($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
        return min(ProcessInfo.processInfo.physicalMemory, allowed ?? .max)
    }

    /// A quarter of the memory, as the manual of Postgres advises, and not more than 8 GB: the system keeps files in the rest.
    static func setting(of memory: UInt64) -> String {
        "\(min(8_192, max(128, memory >> 22)))MB"
    }
}
