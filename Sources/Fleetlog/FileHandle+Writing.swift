import Foundation

/// Not all bytes got where they were sent.
struct WriteFailed: Error, CustomStringConvertible {
    /// How many did.
    let written: Int
    private let code: Int32

    var description: String { String(cString: strerror(code)) }

    init(written: Int, code: Int32) {
        self.written = written
        self.code = code
    }
}

extension FileHandle {
    /// Writes all of it at once, or as often as it takes. Foundation's own way ends the process or hides the reason.
    func writeAll(_ bytes: [UInt8]) throws(WriteFailed) {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                let rest = UnsafeRawBufferPointer(rebasing: buffer[written...])
                return Foundation.write(fileDescriptor, rest.baseAddress, rest.count)
            }
            if count > 0 {
                written += count
            } else if errno != EINTR {
                throw WriteFailed(written: written, code: errno)
            }
        }
    }

    /// Returns when what was written is on disk.
    func flush() throws(WriteFailed) {
        guard fsync(fileDescriptor) == 0 else { throw WriteFailed(written: 0, code: errno) }
    }
}
