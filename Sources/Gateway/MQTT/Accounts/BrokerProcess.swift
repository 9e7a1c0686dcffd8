import Glibc

/// The broker's process, found by its `pid_file`.
package enum BrokerProcess {
    package enum Failure: Error, Sendable {
        case noProcessFile(String)
        case noSuchProcess(Int32)
    }

    /// Makes the broker read its files again.
    package static func reload(processFile path: String) throws(Failure) {
        guard let file = fopen(path, "re") else { throw .noProcessFile(path) }
        defer { fclose(file) }
        var text = [CChar](repeating: 0, count: 32)
        guard fgets(&text, Int32(text.count), file) != nil else { throw .noProcessFile(path) }
        let digits = text.prefix { $0 >= 48 && $0 <= 57 }.map { UInt8(bitPattern: $0) }
        guard let process = Int32(String(decoding: digits, as: UTF8.self)), process > 1 else {
            throw .noProcessFile(path)
        }
        guard kill(process, SIGHUP) == 0 else { throw .noSuchProcess(process) }
    }
}
