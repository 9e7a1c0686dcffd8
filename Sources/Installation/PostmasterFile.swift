import Foundation

/// `postmaster.pid`, which a running Postgres keeps in its data folder.
struct PostmasterFile {
    let pid: pid_t
    let socketFolder: String
    let isReady: Bool

    init?(in data: String) {
        guard let text = PrivateFiles.read(data + "/postmaster.pid") else { return nil }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard let first = lines.first, let pid = pid_t(first) else { return nil }
        self.pid = pid
        socketFolder = lines.count > 4 ? String(lines[4]) : ""
        isReady = lines.count > 7 && lines[7].hasPrefix("ready")
    }
}
