import CProcess
import Foundation

/// How much is kept of what a server program prints.
struct LogBounds: Sendable {
    /// How long the file may become. What is then cut from its beginning is kept beside it, up to as much.
    var bytes = 16 << 20
    /// How often its length is looked at while the program runs.
    var look: Duration = .seconds(10)
}

/// The file that takes what a server program prints, and `<path>.1` with what was cut from its beginning.
enum DaemonLog {
    /// Opens for appending.
    static func open(_ path: String, bounds: LogBounds = LogBounds()) throws(InstallationError) -> CInt {
        try bound(path, bounds)
        let file = Foundation.open(path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw .failed(path) }
        return file
    }

    static func lastLines(of path: String) -> String {
        let lines = (PrivateFiles.read(path) ?? "").split(separator: "\n")
        return lines.suffix(5).joined(separator: "\n")
    }

    /// Cuts a file that has become too long. The program goes on writing meanwhile: it has the file open, cannot be told to
    /// open another, and outlives this process, so that nobody could take its output from a pipe.
    static func bound(_ path: String, _ bounds: LogBounds) throws(InstallationError) {
        let file = Foundation.open(path, O_RDWR | O_CLOEXEC)
        guard file >= 0 else { return }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw .failed(path) }
        let (size, block) = (Int(status.st_size), max(1, Int(status.st_blksize)))
        guard size > bounds.bytes else { return }

        // The one from before is emptied first: on a full disk there is room for no third.
        let beside = Foundation.open(path + ".1", O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0o600)
        guard beside >= 0 else { throw .failed(path + ".1") }
        defer { close(beside) }
        // Only whole blocks can be taken out, and the last one stays.
        let cut = (size - 1) / block * block
        let copied = try copy(file, from: max(0, cut - bounds.bytes), to: beside, upTo: cut, path)
        if take(cut, outOf: file) { return }
        // On a file system that cannot do that, a line that is written between these two is lost.
        try copy(file, from: copied, to: beside, upTo: .max, path)
        guard ftruncate(file, 0) == 0 else { throw .failed(path) }
    }

    /// Takes out the first bytes, with everything that is written meanwhile kept behind them.
    static func take(_ bytes: Int, outOf file: CInt) -> Bool {
        bytes > 0 && fallocate(file, CInt(collapse_range), 0, off_t(bytes)) == 0
    }

    @discardableResult
    private static func copy(
        _ file: CInt, from begin: Int, to beside: CInt, upTo end: Int, _ path: String
    ) throws(InstallationError) -> Int {
        var at = begin
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        while at < end {
            let count = pread(file, &buffer, min(buffer.count, end - at), off_t(at))
            guard count >= 0 else { throw .failed(path) }
            guard count > 0 else { break }
            var rest = buffer[..<count]
            while !rest.isEmpty {
                let written = rest.withUnsafeBytes { Foundation.write(beside, $0.baseAddress, $0.count) }
                guard written > 0 else { throw .failed(path + ".1") }
                rest = rest.dropFirst(written)
            }
            at += count
        }
        return at
    }
}
