import Foundation
import Logging
import Runtime

/// Who signs the heads of the log, and where they are kept besides the database.
struct SealSettings: Sendable {
    var keyFile: SealKeyFile?
    var headsFile: String?

    init(_ sources: SettingsSources) throws(SettingsError) {
        keyFile = sources.value("seal-key-file").map { SealKeyFile(path: $0.text) }
        headsFile = sources.value("seal-heads-file")?.text
        // What is wrong with it is said now and not in a minute.
        _ = try keyFile?.keys()
    }

    /// Adds the head to the file of heads, if there is to be one and it is not the last there.
    func keep(_ head: SignedHead, logger: Logger) {
        guard let headsFile else { return }
        let text = Data((head.note + "\n").utf8)
        do {
            if !Self.ends(headsFile, with: text) { try append(text, to: headsFile) }
        } catch {
            logger.error("A signed head cannot be added to its file", metadata: ["reason": "\(error)"])
        }
    }

    /// False of what cannot be read, such as a pipe: a head that is there twice does no harm.
    private static func ends(_ path: String, with text: Data) -> Bool {
        let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        guard let length = try? file.seekToEnd(), length >= UInt64(text.count),
            (try? file.seek(toOffset: length - UInt64(text.count))) != nil
        else { return false }
        return (try? file.readToEnd()) == text
    }

    private func append(_ data: Data, to path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw SettingsError("\(path): \(String(cString: strerror(errno)))") }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        try file.write(contentsOf: data)
        try file.synchronize()
    }
}
