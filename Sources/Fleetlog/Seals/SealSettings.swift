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

    /// Adds the head to the file of heads, if there is to be one.
    func keep(_ head: SignedHead, logger: Logger) {
        guard let headsFile else { return }
        do {
            try append(Data((head.note + "\n").utf8), to: headsFile)
        } catch {
            logger.error("A signed head cannot be added to its file", metadata: ["reason": "\(error)"])
        }
    }

    private func append(_ data: Data, to path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw SettingsError("\(path): \(String(cString: strerror(errno)))") }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        try file.write(contentsOf: data)
        try file.synchronize()
    }
}
