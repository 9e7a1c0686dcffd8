import Foundation
import Installation
import Support
import Testing

@Suite(.serialized, .timeLimit(.minutes(2))) struct `An authority for the certificates of devices` {
    @Test(.enabled("mounting a disk is permitted") { await SmallDisk.isPermitted() })
    func `that finds the disk full is not there, and is made when there is room`() async throws {
        let disk = try await SmallDisk(megabytes: 1)
        let authority = Self.authority(in: disk.folder)
        try await disk.fill()
        await #expect(throws: InstallationError.self) { try await authority.createIfAbsent() }
        #expect(!authority.isAtHand)
        let key = disk.folder + "/d1.key"
        await #expect(throws: InstallationError.self) {
            _ = try await DeviceCertificateAuthority.makeKey(for: "d1", in: key)
        }
        unlink(key)
        disk.makeRoom()
        try await authority.createIfAbsent()
        let request = try await DeviceCertificateAuthority.makeKey(for: "d1", in: key)
        #expect(try await authority.sign(request, for: "d1", days: 1).hasPrefix("-----BEGIN CERTIFICATE-----"))
        await disk.remove()
    }

    @Test(arguments: ["", "-----BEGIN CERTIFICATE-----\nMIIB"])
    func `that is damaged is named, and not replaced`(text: String) async throws {
        let folder = try ThrowawayFolder.make()
        let authority = Self.authority(in: folder)
        try await authority.createIfAbsent()
        for file in [authority.certificate, authority.key] {
            let whole = try String(contentsOfFile: file, encoding: .utf8)
            try Data(text.utf8).write(to: URL(fileURLWithPath: file))
            await #expect(throws: InstallationError.authorityUnusable(file: file)) {
                try await authority.createIfAbsent()
            }
            #expect(try String(contentsOfFile: file, encoding: .utf8) == text)
            try Data(whole.utf8).write(to: URL(fileURLWithPath: file))
        }
        try await authority.createIfAbsent()
        ThrowawayFolder.remove(folder)
    }

    @Test func `whose key is another's is named; without a key it is one that others sign for`() async throws {
        let folder = try ThrowawayFolder.make()
        let (authority, other) = (Self.authority(in: folder), Self.authority(in: folder, named: "other"))
        try await authority.createIfAbsent()
        try await other.createIfAbsent()
        unlink(authority.key)
        try await authority.createIfAbsent()
        try FileManager.default.copyItem(atPath: other.key, toPath: authority.key)
        await #expect(throws: InstallationError.authorityUnusable(file: authority.key)) {
            try await authority.createIfAbsent()
        }
        ThrowawayFolder.remove(folder)
    }

    private static func authority(in folder: String, named name: String = "ca") -> DeviceCertificateAuthority {
        DeviceCertificateAuthority(certificate: "\(folder)/\(name).crt", key: "\(folder)/\(name).key")
    }
}
