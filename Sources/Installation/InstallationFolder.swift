import Foundation

/// The folder of one private installation (`.fleetlog`), used by one `fleetlog up` at a time.
package final class InstallationFolder: Sendable {
    /// Absolute and without symbolic links.
    package let path: String
    private let lock: CInt

    /// Creates the folder if needed and takes its lock, which is held until this object is gone or the process ends.
    package init(taking path: String) throws(InstallationError) {
        let absolute = URL(fileURLWithPath: path).path
        // Others may pass through, to what belongs to the users of Postgres and Mosquitto, but not look around.
        try PrivateFiles.makeFolder(absolute, mode: 0o711)
        self.path = try canonicalPath(absolute)
        let file = self.path + "/lock"
        lock = open(file, O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
        guard lock >= 0 else { throw .failed(file) }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            let holder = PrivateFiles.read(file)?.trimmingCharacters(in: .whitespacesAndNewlines) ?? ""
            throw .folderInUse(folder: self.path, pid: holder.isEmpty ? "unknown" : holder)
        }
        ftruncate(lock, 0)
        let pid = Array("\(getpid())\n".utf8)
        guard write(lock, pid, pid.count) == pid.count else { throw .failed(file) }
    }

    deinit {
        guard lock >= 0 else { return }
        // A program that is just being started shares the lock until it runs; closing would leave it there.
        flock(lock, LOCK_UN)
        close(lock)
    }
}

func canonicalPath(_ path: String) throws(InstallationError) -> String {
    guard let resolved = realpath(path, nil) else { throw .failed(path) }
    defer { free(resolved) }
    return String(cString: resolved)
}
