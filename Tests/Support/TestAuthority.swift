import Foundation
package import Installation

/// An authority that signs certificates of devices, in a folder that goes with the test process.
package struct TestAuthority: Sendable {
    /// A certificate and its key, as files and as text.
    package struct Issued: Sendable {
        package let certificate: String
        package let key: String
        package let text: String

        package var der: [UInt8] {
            let lines = text.split(separator: "\n").drop { $0 != "-----BEGIN CERTIFICATE-----" }.dropFirst()
            return Array(Data(base64Encoded: lines.prefix { !$0.hasPrefix("-") }.joined()) ?? Data())
        }
    }

    package let authority: DeviceCertificateAuthority
    private let folder: String

    /// A new one, or the one that is given.
    package init(_ authority: DeviceCertificateAuthority? = nil) async throws {
        folder = try ThrowawayFolder.make()
        self.authority =
            authority
            ?? DeviceCertificateAuthority(certificate: folder + "/authority.crt", key: folder + "/authority.key")
        try await self.authority.createIfAbsent()
    }

    package var text: String { get throws { try String(contentsOfFile: authority.certificate, encoding: .utf8) } }

    /// - Parameter days: negative for one that has ended.
    package func issue(_ device: String, days: Int = 2, usage: String = "clientAuth") async throws -> Issued {
        let name = "\(folder)/\(device)-\(UInt32.random(in: .min ... .max))"
        let request = try await DeviceCertificateAuthority.makeKey(for: device, in: name + ".key")
        let text = try await authority.sign(request, for: device, days: days, usage: usage)
        try Data(text.utf8).write(to: URL(fileURLWithPath: name + ".crt"))
        return Issued(certificate: name + ".crt", key: name + ".key", text: text)
    }

    package func remove() { ThrowawayFolder.remove(folder) }
}
