import Foundation

/// What an import leaves behind: the keys it was given, and the lines that were refused.
struct ImportFiles {
    let keysPath: String
    let refusedPath: String
    private let keys: FileHandle
    private let refused: FileHandle
    /// The serial numbers of devices that were registered by now, with keys that are known.
    let known: Set<String>

    /// Goes on with the keys of an earlier run; begins a new list of refused lines.
    ///
    /// - Throws: `SettingsError` if a file cannot be written, or the keys are of something else.
    init(keys keysPath: String, refused refusedPath: String) throws {
        (self.keysPath, self.refusedPath) = (keysPath, refusedPath)
        let before = FileManager.default.contents(atPath: keysPath).map { [UInt8]($0) } ?? []
        var known: Set<String> = []
        for (index, record) in CSVReader(before).enumerated() {
            guard case .success(let fields) = record.fields, fields.count == 3 else {
                throw SettingsError("\(keysPath): line \(record.line) is not of an import; name another file by --keys")
            }
            if index > 0 { known.insert(fields[0]) }
        }
        self.known = known
        keys = try Self.open(keysPath, O_APPEND)
        refused = try Self.open(refusedPath, O_TRUNC)
        if before.isEmpty { try keys.write(contentsOf: Data("serial,id,apiKey\n".utf8)) }
        try refused.write(contentsOf: Data("line,serial,reason\n".utf8))
    }

    /// Nobody but the owner may read them.
    private static func open(_ path: String, _ mode: Int32) throws -> FileHandle {
        let descriptor = Foundation.open(path, O_WRONLY | O_CREAT | O_CLOEXEC | mode, 0o600)
        guard descriptor >= 0, fchmod(descriptor, 0o600) == 0 else {
            throw SettingsError("\(path): \(String(cString: strerror(errno)))")
        }
        return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    /// Returns when the keys are on disk: they are told once.
    func append(keys issued: [(serial: String, id: String, apiKey: String)]) throws {
        if issued.isEmpty { return }
        let lines = issued.map { "\(Self.field($0.serial)),\($0.id),\($0.apiKey)\n" }.joined()
        try keys.write(contentsOf: Data(lines.utf8))
        try keys.synchronize()
    }

    func append(refused lines: [(line: Int, serial: String, reason: String)]) throws {
        if lines.isEmpty { return }
        let text = lines.map { "\($0.line),\(Self.field($0.serial)),\(Self.field($0.reason))\n" }.joined()
        try refused.write(contentsOf: Data(text.utf8))
    }

    private static func field(_ text: String) -> String {
        guard text.utf8.contains(where: { ",\"\r\n".utf8.contains($0) }) else { return text }
        return "\"" + text.replacing("\"", with: "\"\"") + "\""
    }
}
