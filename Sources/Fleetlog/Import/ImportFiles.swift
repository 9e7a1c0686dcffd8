import Foundation

/// What an import leaves behind: the keys it was given, and the lines that were refused.
struct ImportFiles {
    let refusedPath: String
    private let keys: KeysFile
    private let refused: FileHandle

    var keysPath: String { keys.path }
    /// The serial numbers of devices that were registered by now, with keys that are known.
    var known: Set<String> { keys.known }

    /// Goes on with the keys of an earlier run; begins a new list of refused lines.
    ///
    /// - Throws: `SettingsError` if a file cannot be written, or the keys are of something else.
    init(keys keysPath: String, refused refusedPath: String) throws {
        self.refusedPath = refusedPath
        keys = try KeysFile(keysPath)
        refused = try Self.open(refusedPath, O_WRONLY | O_TRUNC)
        try Self.hide(refused, refusedPath)
        try refused.writeAll(Array("line,serial,reason\n".utf8))
    }

    static func open(_ path: String, _ mode: Int32) throws -> FileHandle {
        let descriptor = Foundation.open(path, O_CREAT | O_CLOEXEC | mode, 0o600)
        guard descriptor >= 0 else { throw SettingsError("\(path): \(String(cString: strerror(errno)))") }
        return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    /// Nobody but the owner may read it, also if it was there.
    static func hide(_ file: FileHandle, _ path: String) throws {
        guard fchmod(file.fileDescriptor, 0o600) == 0 else {
            throw SettingsError("\(path): \(String(cString: strerror(errno)))")
        }
    }

    /// Returns when the keys are on disk: they are told once.
    func append(keys issued: [KeysFile.Key]) throws { try keys.append(issued) }

    func append(refused lines: [(line: Int, serial: String, reason: String)]) throws {
        if lines.isEmpty { return }
        let text = lines.map { "\($0.line),\(Self.field($0.serial)),\(Self.field($0.reason))\n" }.joined()
        try refused.writeAll(Array(text.utf8))
    }

    static func field(_ text: String) -> String {
        guard text.utf8.contains(where: { ",\"\r\n".utf8.contains($0) }) else { return text }
        return "\"" + text.replacing("\"", with: "\"\"") + "\""
    }
}
