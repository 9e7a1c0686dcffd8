import Foundation
import Installation

/// Folders that vanish with the test process, servers that run in them included.
package enum ThrowawayFolder {
    /// A new empty folder with a short path.
    package static func make() throws -> String {
        let path = root + "/" + String(UInt32.random(in: .min ... .max), radix: 36)
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o711])
        return path
    }

    /// Kills what works in the folder, then removes it.
    package static func remove(_ folder: String) {
        for _ in 0..<200 {
            let inside = ProcessTable.pids.filter { pid in
                ProcessTable.workingFolder(of: pid).map { $0.hasPrefix(folder + "/") } ?? false
            }
            for pid in inside { kill(pid, SIGKILL) }
            if inside.isEmpty, (try? FileManager.default.removeItem(atPath: folder)) != nil { return }
            if access(folder, F_OK) != 0 { return }
            usleep(10_000)
        }
    }

    private static let prefix = "fleetlog-tests-"

    // In /tmp itself: every user can enter it, and socket paths stay short.
    private static let root: String = {
        removeStale()
        let path = "/tmp/\(prefix)\(getpid())-\(startTime(of: getpid()) ?? "")"
        mkdir(path, 0o711)
        atexit { ThrowawayFolder.remove(ThrowawayFolder.root) }
        return path
    }()

    /// What test processes left behind that were killed.
    private static func removeStale() {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/tmp")) ?? [] {
            guard name.hasPrefix(prefix) else { continue }
            let parts = name.dropFirst(prefix.count).split(separator: "-")
            guard parts.count == 2, let pid = pid_t(parts[0]), startTime(of: pid) != String(parts[1]) else { continue }
            remove("/tmp/" + name)
        }
    }

    /// Tells a process from a later one with the same number.
    private static func startTime(of pid: pid_t) -> String? {
        guard let data = FileManager.default.contents(atPath: "/proc/\(pid)/stat") else { return nil }
        let afterName = String(decoding: data, as: UTF8.self).split(separator: ")").last ?? ""
        let fields = afterName.split(separator: " ")
        return fields.count > 19 ? String(fields[19]) : nil
    }
}
