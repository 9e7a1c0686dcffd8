import Foundation

/// The file of the keys that devices were given: whole lines, whatever happened while they were written.
final class KeysFile {
    typealias Key = (serial: String, id: String, apiKey: String)

    let path: String
    /// The serial numbers in it.
    let known: Set<String>
    private let file: FileHandle

    private static let header = ["serial", "id", "apiKey"]
    /// Every key that a server gives has the same.
    private static let keyLength = 47

    /// Goes on with the file; what a full disk or a power cut has left of a line is cut off.
    ///
    /// - Throws: `SettingsError` if the file is of something else, which is then left alone, or cannot be written.
    init(_ path: String) throws {
        self.path = path
        file = try ImportFiles.open(path, O_RDWR | O_APPEND)
        guard flock(file.fileDescriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw SettingsError("\(path): another import writes to it")
        }
        let before = [UInt8](try file.readToEnd() ?? Data())
        let end = Self.endOfWholeLines(before[...])
        var known: Set<String> = []
        for (index, record) in CSVReader(Array(before[..<end])).enumerated() {
            guard case .success(let fields) = record.fields, fields.count == Self.header.count,
                index > 0 || fields == Self.header
            else { throw Self.foreign(path, line: record.line) }
            if index > 0 { known.insert(fields[0]) }
        }
        let title = Array((Self.header.joined(separator: ",") + "\n").utf8)
        let rest = before[end...]
        guard end > 0 || title.starts(with: rest) else { throw Self.foreign(path, line: 1) }
        if let serial = Self.serial(inWholeLine: rest), end > 0 {
            known.insert(serial)
            try file.writeAll(Array("\n".utf8))
        } else if !rest.isEmpty {
            try file.truncate(atOffset: UInt64(end))
        }
        if end == 0 { try file.writeAll(title) }
        try ImportFiles.hide(file, path)
        self.known = known
    }

    // A child of ours may still have the descriptor for a moment.
    deinit { flock(file.fileDescriptor, LOCK_UN) }

    /// Returns when the keys are on disk: they are told once.
    ///
    /// - Throws: `SettingsError` if not all of them are; those that are have whole lines.
    func append(_ issued: [Key]) throws {
        if issued.isEmpty { return }
        let lines = issued.map { "\(ImportFiles.field($0.serial)),\($0.id),\($0.apiKey)\n" }.joined()
        let before = try file.seekToEnd()
        do throws(WriteFailed) {
            try file.writeAll(Array(lines.utf8))
        } catch {
            let written = Array(lines.utf8)[..<error.written]
            let whole = written[..<Self.endOfWholeLines(written)]
            try file.truncate(atOffset: before + UInt64(whole.count))
            try? file.flush()
            let stored = CSVReader(Array(whole)).reduce(0) { count, _ in count + 1 }
            throw SettingsError(
                "\(path): \(error); \(issued.count - stored) devices are registered whose keys are not in it, such as the "
                    + "one with the serial \(issued[stored].serial)")
        }
        try file.flush()
    }

    private static func foreign(_ path: String, line: Int) -> SettingsError {
        SettingsError("\(path): line \(line) is not of an import; name another file by --keys")
    }

    /// Behind the last newline that no quotes enclose.
    private static func endOfWholeLines(_ bytes: ArraySlice<UInt8>) -> Int {
        var (end, isQuoted) = (bytes.startIndex, false)
        for (place, byte) in zip(bytes.indices, bytes) {
            if byte == UInt8(ascii: "\"") { isQuoted.toggle() }
            if byte == UInt8(ascii: "\n"), !isQuoted { end = place + 1 }
        }
        return end
    }

    /// The serial number if the line lacks nothing but its end.
    private static func serial(inWholeLine bytes: ArraySlice<UInt8>) -> String? {
        guard case .success(let fields)? = CSVReader(Array(bytes)).first(where: { _ in true })?.fields,
            fields.count == header.count, fields[2].utf8.count == keyLength
        else { return nil }
        return fields[0]
    }
}
