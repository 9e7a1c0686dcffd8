import Foundation
import Runtime

/// The keys that sign, one a line, the one in force first; readable by their owner only. Their public halves lie beside it,
/// in the file of the same name with `.pub`.
struct SealKeyFile: Sendable {
    let path: String

    var publicPath: String { path + ".pub" }

    /// - Throws: if the file cannot be read, or holds something else. The reason holds no key.
    func keys() throws(SettingsError) -> [SealKey] {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw SettingsError(
                "\(path) cannot be read: make a seal key with 'fleetlog audit key create \(path)'")
        }
        var keys: [SealKey] = []
        for line in text.split(whereSeparator: \.isNewline) {
            do throws(SealError) {
                keys.append(try SealKey(String(line)))
            } catch {
                throw SettingsError("\(path): \(error)")
            }
        }
        guard !keys.isEmpty else { throw SettingsError("\(path) holds no key") }
        return keys
    }

    func createIfAbsent() throws {
        if !FileManager.default.fileExists(atPath: path) { try create() }
    }

    /// Makes a key of a new name. An existing file is left alone.
    func create() throws {
        let name = "fleetlog-" + String(UInt64.random(in: 0x1000_0000_0000...0xFFFF_FFFF_FFFF), radix: 16)
        let key = try SealKey.random(name: name)
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw SettingsError("\(path): \(String(cString: strerror(errno)))") }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        try file.write(contentsOf: Data((key.secretText + "\n").utf8))
        try file.synchronize()
        try writePublic([key])
    }

    /// Puts a new key of the same name in force. The one before signs beside it, so that whoever trusts that one learns
    /// of the new one.
    ///
    /// - Parameter dropsOld: when somebody else may know the old key, it must sign nothing more.
    func rotate(dropsOld: Bool) throws {
        let old = try keys()
        let new = try SealKey.random(name: old[0].name)
        let keys = dropsOld ? [new] : [new, old[0]]
        let interim = path + ".new"
        try? FileManager.default.removeItem(atPath: interim)
        let descriptor = open(interim, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw SettingsError("\(interim): \(String(cString: strerror(errno)))") }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        try file.write(contentsOf: Data(keys.map { $0.secretText + "\n" }.joined().utf8))
        try file.synchronize()
        guard rename(interim, path) == 0 else {
            throw SettingsError("\(path): \(String(cString: strerror(errno)))")
        }
        try writePublic(keys)
    }

    private func writePublic(_ keys: [SealKey]) throws {
        let text = keys.map { "\($0.verifier)\n" }.joined()
        try Data(text.utf8).write(to: URL(fileURLWithPath: publicPath), options: .atomic)
    }
}
