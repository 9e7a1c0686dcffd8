import Foundation

/// The running processes, as `/proc` shows them.
package enum ProcessTable {
    package static var pids: [Int32] {
        ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { Int32($0) }
    }

    package static func workingFolder(of pid: Int32) -> String? {
        try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/cwd")
    }

    static func commandLine(of pid: Int32) -> [String] {
        guard let data = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline") else { return [] }
        return data.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Whether it has mapped a file of this path that is no longer there; `path` is one without symbolic links.
    static func holds(_ pid: Int32, removed path: String) -> Bool {
        guard let maps = FileManager.default.contents(atPath: "/proc/\(pid)/maps") else { return false }
        return String(decoding: maps, as: UTF8.self).split(separator: "\n").contains {
            $0.hasSuffix(" \(path) (deleted)")
        }
    }

    /// Those that work in exactly this folder; `folder` is a path without symbolic links.
    static func working(in folder: String) -> [Int32] {
        pids.filter { workingFolder(of: $0) == folder }
    }
}
