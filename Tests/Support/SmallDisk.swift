import Foundation
import Installation

/// A disk of its own, small enough to be filled.
package struct SmallDisk: Sendable {
    package let folder: String
    private var filler: String { folder + "/filler" }

    /// Whether this process may mount one.
    package static func isPermitted() async -> Bool {
        guard let disk = try? await SmallDisk(megabytes: 1) else { return false }
        await disk.remove()
        return true
    }

    package init(megabytes: Int) async throws {
        folder = try ThrowawayFolder.make()
        try await Command("/bin/mount", ["-t", "tmpfs", "-o", "size=\(megabytes)m,mode=0711", "tmpfs", folder]).run()
    }

    /// Takes all the room there is, and says whether it came to its end.
    @discardableResult
    package func fill() async throws -> Bool {
        let output = try await Command("/bin/dd", ["if=/dev/zero", "of=\(filler)", "bs=4k"]).output()
        return output.errors.contains("No space left on device")
    }

    package func makeRoom() { unlink(filler) }

    package func remove() async {
        _ = try? await Command("/bin/umount", ["--lazy", folder]).run()
        ThrowawayFolder.remove(folder)
    }
}
