import Foundation

/// Signs the certificates by which devices prove themselves at the broker, with openssl.
package struct DeviceCertificateAuthority: Sendable {
    package let certificate: String
    package let key: String

    private static let authorityDays = 3_650

    package init(certificate: String, key: String) {
        self.certificate = Self.absolute(certificate)
        self.key = Self.absolute(key)
    }

    /// Commands do not run in the folder that a relative path is meant from.
    private static func absolute(_ path: String) -> String { URL(fileURLWithPath: path).path }

    /// The own one of a private installation.
    package init(of installation: String) { self.init(in: installation + "/mosquitto/tls") }

    init(in folder: String) { self.init(certificate: folder + "/devices-ca.crt", key: folder + "/devices-ca.key") }

    /// Whether there is one, and we may sign with it.
    package var isAtHand: Bool { access(certificate, R_OK) == 0 && access(key, R_OK) == 0 }

    /// Makes the authority if there is none. One that is there stays, whatever its age: the devices have its certificates.
    ///
    /// - Throws: `authorityUnusable` if what is there is none; it is not replaced, since it may have been one.
    package func createIfAbsent() async throws(InstallationError) {
        if access(certificate, F_OK) == 0 { return try await check() }
        try await SelfSignedAuthority(
            name: "Fleetlog, this installation's authority for devices", certificate: certificate, key: key,
            days: Self.authorityDays
        ).create()
    }

    /// The key may be kept elsewhere, if others sign.
    private func check() async throws(InstallationError) {
        let pair = CertifiedKey(certificate: certificate, key: key)
        guard try await pair.isReadable() else { throw .authorityUnusable(file: certificate) }
        guard access(key, R_OK) == 0 else { return }
        guard try await pair.isWhole() else { throw .authorityUnusable(file: key) }
    }

    /// A new private key in `file`, which must not exist, and a request for a certificate, in PEM.
    package static func makeKey(for device: String, in file: String) async throws(InstallationError) -> String {
        let (handle, mode) = (open(file, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0o600), mode_t(0o600))
        guard handle >= 0 else { throw .failed(file) }
        close(handle)
        let request = try await Command(
            try Programs.openssl(),
            ["req", "-subj", "/CN=\(device)", "-keyout", absolute(file)] + SelfSignedAuthority.newKey
        ).run()
        guard chmod(file, mode) == 0 else { throw .failed(file) }
        // openssl does not say when the disk was full.
        let whole = try await Command(try Programs.openssl(), ["pkey", "-in", absolute(file), "-noout"]).output()
        guard whole.succeeded else {
            throw .fileFailed(path: file, reason: "it was not written whole; is the disk full?")
        }
        return request
    }

    /// A certificate for the device, in PEM, by a request in PEM that proves to have the key.
    ///
    /// - Parameter usage: what openssl knows the extended key usage by.
    /// - Throws: `commandFailed` with openssl's words if the request is none, or the authority cannot be used.
    package func sign(
        _ request: String, for device: String, days: Int, usage: String = "clientAuth"
    ) async throws(InstallationError) -> String {
        let serial = (0..<16).map { _ in UInt8.random(in: .min ... .max) }.map {
            ($0 < 16 ? "0" : "") + String($0, radix: 16)
        }
        let extensions =
            "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=\(usage)\n"
        let file = NSTemporaryDirectory() + "fleetlog-\(UUID().uuidString).ext"
        try PrivateFiles.write(extensions, to: file)
        defer { unlink(file) }
        return try await Command(
            try Programs.openssl(),
            [
                "x509", "-req", "-CA", certificate, "-CAkey", key, "-set_serial", "0x00" + serial.joined(), "-days",
                "\(days)", "-subj", "/CN=\(device)", "-extfile", file,
            ]
        ).run(input: request)
    }
}
