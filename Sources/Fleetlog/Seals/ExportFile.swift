import Foundation
import Gateway
import Runtime

/// What an export is written to: all of it is there when it ends, or what was there before.
struct ExportFile {
    private enum Way {
        /// Takes the place of the file when it is whole.
        case beside(unfinished: String, file: String)
        /// Behind what an earlier export has left, which ends here.
        case behind(length: UInt64)
        /// A pipe, a terminal or a device.
        case through
    }

    private static let longestLine: UInt64 = 8 << 20

    private let file: FileHandle
    private let way: Way
    private var lines: [UInt8] = []
    private var isWhole = false

    /// - Parameter start: behind which position the export begins; what is in the file stays if it ends there.
    init(_ path: String, behind start: Int64) throws {
        if path == "-" {
            (file, way) = (.standardOutput, .through)
            return
        }
        // A link stays one.
        let target = realpath(path, nil).map { name in
            defer { free(name) }
            return String(cString: name)
        }
        let known = try target.map { try FileManager.default.attributesOfItem(atPath: $0) }
        if let known, known[.type] as? FileAttributeType != .typeRegular {
            (file, way) = (try Self.open(path, O_WRONLY), .through)
        } else if let known, start > 0, known[.size] as? UInt64 != 0 {
            file = try Self.open(path, O_RDWR | O_APPEND)
            let length = try file.seekToEnd()
            way = .behind(length: length)
            guard let end = try Self.position(endOf: file, length) else {
                throw SettingsError("\(path) does not end with a whole line of an export: export it anew")
            }
            guard end == start else {
                throw SettingsError("\(path) ends at position \(end): go on with --after \(end), or give another file")
            }
        } else {
            let unfinished = (target ?? path) + ".unfinished"
            file = try Self.open(unfinished, O_WRONLY | O_CREAT | O_TRUNC)
            way = .beside(unfinished: unfinished, file: target ?? path)
        }
    }

    private static func open(_ path: String, _ mode: Int32) throws -> FileHandle {
        let descriptor = Foundation.open(path, O_CLOEXEC | mode, 0o600)
        guard descriptor >= 0 else { throw SettingsError("\(path): \(String(cString: strerror(errno)))") }
        return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    /// Nil if the file does not end with a whole line of an export.
    private static func position(endOf file: FileHandle, _ length: UInt64) throws -> Int64? {
        try file.seek(toOffset: length > longestLine ? length - longestLine : 0)
        var end = [UInt8](try file.readToEnd() ?? Data())
        guard end.popLast() == UInt8(ascii: "\n") else { return nil }
        let line = end.lastIndex(of: UInt8(ascii: "\n")).map { end[($0 + 1)...] } ?? end[...]
        return switch try? ExportedLine(Array(line)) {
        case .event(let event, _): event.position
        case .departed(let position, _): position
        case .head(let head): head.size
        case nil: nil
        }
    }

    mutating func add(_ item: SealedExport.Item) throws {
        ExportedLine(item).append(to: &lines)
        if lines.count >= 1 << 20 { try write() }
    }

    private mutating func write() throws {
        try file.writeAll(lines)
        lines.removeAll(keepingCapacity: true)
    }

    /// Returns when all of it is on disk and in its place.
    mutating func finish() throws {
        try write()
        switch way {
        case .through: break
        case .behind: try file.flush()
        case .beside(let unfinished, let file):
            try self.file.flush()
            guard rename(unfinished, file) == 0 else {
                throw SettingsError("\(file): \(String(cString: strerror(errno)))")
            }
        }
        isWhole = true
    }

    /// Leaves the file as it was before, as far as that is possible; without effect if it is whole.
    func abandon() {
        if isWhole { return }
        switch way {
        case .through: break
        case .behind(let length): try? file.truncate(atOffset: length)
        case .beside(let unfinished, _): unlink(unfinished)
        }
    }
}
