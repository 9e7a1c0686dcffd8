import Foundation

/// A file that the broker reads: replaced in one step, with the mode and the owner that it had.
enum ReplacedFile {
    struct Failed: Error {
        let step: String
        let code: Int32
    }

    static func replace(_ path: String, with contents: [UInt8]) throws(Failed) {
        let before = try? FileManager.default.attributesOfItem(atPath: path)
        let unfinished = "\(path).unfinished-\(getpid())"
        unlink(unfinished)
        let file = open(unfinished, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw Failed(step: "open", code: errno) }
        do throws(Failed) {
            defer { close(file) }
            try write(contents, to: file)
            if let user = (before?[.ownerAccountID] as? NSNumber)?.uint32Value,
                let group = (before?[.groupOwnerAccountID] as? NSNumber)?.uint32Value,
                fchown(file, user, group) != 0
            {
                throw Failed(step: "chown", code: errno)
            }
            guard fchmod(file, (before?[.posixPermissions] as? NSNumber)?.uint32Value ?? 0o640) == 0 else {
                throw Failed(step: "chmod", code: errno)
            }
        } catch {
            unlink(unfinished)
            throw error
        }
        guard rename(unfinished, path) == 0 else { throw Failed(step: "rename", code: errno) }
    }

    private static func write(_ contents: [UInt8], to file: Int32) throws(Failed) {
        var written = 0
        while written < contents.count {
            let count = contents.withUnsafeBytes { Glibc.write(file, $0.baseAddress! + written, $0.count - written) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Failed(step: "write", code: errno) }
            written += count
        }
    }
}
