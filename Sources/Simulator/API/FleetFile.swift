import Foundation

/// The devices that were registered earlier, with their keys, so that a restart goes on with the same fleet.
struct FleetFile: Sendable {
    struct Device: Sendable, Codable, Equatable {
        var id: String
        var apiKey: String
        var type: SensorType
        /// No reading has this number or a higher one.
        var nextSeq: Int64
    }

    private struct Contents: Codable {
        var format = 1
        var devices: [Device]
    }

    let path: String

    /// Empty if there is no file.
    func load() throws(SimulationError) -> [Device] {
        guard FileManager.default.fileExists(atPath: path) else { return [] }
        do {
            return try JSONDecoder().decode(Contents.self, from: Data(contentsOf: URL(fileURLWithPath: path))).devices
        } catch is DecodingError {
            throw .stateFile(path: path, reason: "it is not a fleet that was written here")
        } catch {
            throw .stateFile(path: path, reason: error.localizedDescription)
        }
    }

    /// Replaces the file in one step; nobody but the owner may ever read it.
    func save(_ devices: [Device]) throws(SimulationError) {
        let unfinished = path + ".unfinished"
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
            let data = try encoder.encode(Contents(devices: devices))
            unlink(unfinished)
            let descriptor = open(unfinished, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else { throw failure() }
            let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
            try file.write(contentsOf: data)
            try file.synchronize()
            try file.close()
            guard rename(unfinished, path) == 0 else { throw failure() }
        } catch let error as SimulationError {
            throw error
        } catch {
            throw .stateFile(path: path, reason: error.localizedDescription)
        }
    }

    private func failure() -> SimulationError {
        .stateFile(path: path, reason: String(cString: strerror(errno)))
    }
}
