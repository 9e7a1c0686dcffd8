import Foundation

/// Folders and files with the owner and the mode they need from their first moment on.
enum PrivateFiles {
    /// Creates `path` and what is missing above it, then sets its mode and, as root, its owner.
    static func makeFolder(_ path: String, mode: mode_t, owner: ServiceUser? = nil) throws(InstallationError) {
        var missing: [String] = []
        var ancestor = path
        while access(ancestor, F_OK) != 0, ancestor != "/" {
            missing.append(ancestor)
            ancestor = (ancestor as NSString).deletingLastPathComponent
        }
        for folder in missing.reversed() {
            let created = folder == path ? mkdir(folder, mode) : mkdir(folder, 0o755)
            guard created == 0 || errno == EEXIST else { throw .failed(folder) }
        }
        guard chmod(path, mode) == 0 else { throw .failed(path) }
        if let owner { try owner.own(path) }
    }

    /// Replaces a file in one step: a reader sees the old or the new contents, never a half.
    static func write(
        _ contents: String, to path: String, mode: mode_t = 0o600, owner: ServiceUser? = nil
    ) throws(InstallationError) {
        try write(Array(contents.utf8), to: path, mode: mode, owner: owner)
    }

    static func write(
        _ contents: [UInt8], to path: String, mode: mode_t = 0o600, owner: ServiceUser? = nil
    ) throws(InstallationError) {
        let beside = path + ".new"
        unlink(beside)
        let file = open(beside, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, mode)
        guard file >= 0 else { throw .failed(beside) }
        defer { close(file) }
        var rest = contents[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Foundation.write(file, $0.baseAddress, $0.count) }
            guard written > 0 else { throw .failed(beside) }
            rest = rest.dropFirst(written)
        }
        guard fchmod(file, mode) == 0 else { throw .failed(beside) }
        if let owner { try owner.own(beside) }
        guard fsync(file) == 0, rename(beside, path) == 0 else { throw .failed(path) }
    }

    /// Gives a file that is complete its place; once that is so it outlasts a crash of the machine.
    static func settle(_ made: String, as path: String, mode: mode_t) throws(InstallationError) {
        guard chmod(made, mode) == 0 else { throw .failed(made) }
        try flush(made)
        guard rename(made, path) == 0 else { throw .failed(path) }
        try flush((path as NSString).deletingLastPathComponent)
    }

    /// Waits until a file, or what a folder says of its files, is on the disk.
    private static func flush(_ path: String) throws(InstallationError) {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw .failed(path) }
        defer { close(file) }
        guard fsync(file) == 0 else { throw .failed(path) }
    }

    static func read(_ path: String) -> String? {
        guard let data = FileManager.default.contents(atPath: path) else { return nil }
        return String(decoding: data, as: UTF8.self)
    }

    /// The secret kept in `path`; a random one of 32 hexadecimal digits is made if there is none.
    static func secret(in path: String) throws(InstallationError) -> String {
        if let kept = read(path)?.trimmingCharacters(in: .whitespacesAndNewlines), !kept.isEmpty { return kept }
        var random = SystemRandomNumberGenerator()
        let secret = (0..<2).map { _ in
            let digits = String(random.next() as UInt64, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
        try write(secret + "\n", to: path)
        return secret
    }
}

extension InstallationError {
    /// The last system call on `path` failed; `errno` says why.
    static func failed(_ path: String) -> Self { .fileFailed(path: path, reason: String(cString: strerror(errno))) }
}
