import Foundation

/// Certificate authorities of this installation's own, one for the broker's certificate and one for those of devices.
struct BrokerCertificates: Sendable {
    let folder: String
    let user: ServiceUser
    /// A file of authorities of the operator's that sign devices' certificates, instead of our own.
    var givenDeviceAuthority: String?

    /// What clients check the broker's certificate against.
    var authority: String { folder + "/ca.crt" }
    var certificate: String { folder + "/server.crt" }
    var key: String { folder + "/server.key" }
    private var authorityKey: String { folder + "/ca.key" }
    /// What the broker checks devices' certificates against.
    var deviceAuthority: String {
        givenDeviceAuthority == nil ? ownDeviceAuthority.certificate : folder + "/devices-ca-given.crt"
    }
    private var ownDeviceAuthority: DeviceCertificateAuthority { DeviceCertificateAuthority(in: folder) }

    private static let authorityDays = 3_650
    private static let certificateDays = 397
    /// A certificate that ends sooner than that is made anew at the next start.
    private static let renewalSeconds = 30 * 86_400

    /// Makes what is missing or about to end. The authority's key never leaves us, the server's is the broker's alone.
    func complete() async throws(InstallationError) {
        try PrivateFiles.makeFolder(folder, mode: 0o711)
        if try await !holds(authority) { try await makeAuthority() }
        let (isValid, isOurs) = (try await holds(certificate), try await isOurs())
        if !isValid || !isOurs { try await makeCertificate() }
        try user.own(key)
        try await completeDeviceAuthority()
    }

    /// What was given is copied, since the broker's user may not be able to read it where it is.
    private func completeDeviceAuthority() async throws(InstallationError) {
        guard let given = givenDeviceAuthority else { return try await ownDeviceAuthority.createIfAbsent() }
        guard let text = PrivateFiles.read(given) else { throw .fileFailed(path: given, reason: "it cannot be read") }
        try PrivateFiles.write(text, to: deviceAuthority, mode: 0o644)
    }

    private func makeAuthority() async throws(InstallationError) {
        try await SelfSignedAuthority(
            name: "Fleetlog, this installation's own authority", certificate: authority, key: authorityKey,
            days: Self.authorityDays
        ).create()
    }

    private func makeCertificate() async throws(InstallationError) {
        let (request, extensions) = (folder + "/server.csr", folder + "/server.ext")
        let names = "DNS:localhost,IP:127.0.0.1,DNS:" + ProcessInfo.processInfo.hostName
        try PrivateFiles.write(
            "subjectAltName=\(names)\nextendedKeyUsage=serverAuth\nbasicConstraints=critical,CA:FALSE\n", to: extensions
        )
        unlink(key)
        try await openssl(
            ["req", "-subj", "/CN=localhost", "-keyout", key, "-out", request] + SelfSignedAuthority.newKey)
        try await openssl([
            "x509", "-req", "-in", request, "-CA", authority, "-CAkey", authorityKey, "-CAcreateserial",
            "-days", "\(Self.certificateDays)", "-extfile", extensions, "-out", certificate,
        ])
        try limit([key: 0o600, certificate: 0o644])
        for file in [request, extensions] { unlink(file) }
    }

    /// Whether there is a certificate that goes on for a while.
    private func holds(_ file: String) async throws(InstallationError) -> Bool {
        guard access(file, R_OK) == 0 else { return false }
        let check = Command(
            try Programs.openssl(), ["x509", "-in", file, "-noout", "-checkend", "\(Self.renewalSeconds)"])
        return try await check.output().succeeded
    }

    /// Whether the authority that there is has signed the server's certificate, whose key is there too.
    private func isOurs() async throws(InstallationError) -> Bool {
        guard try await CertifiedKey(certificate: certificate, key: key).isWhole() else { return false }
        return try await Command(try Programs.openssl(), ["verify", "-CAfile", authority, certificate]).output()
            .succeeded
    }

    private func openssl(_ arguments: [String]) async throws(InstallationError) {
        try await Command(try Programs.openssl(), arguments).run()
    }

    private func limit(_ modes: [String: mode_t]) throws(InstallationError) {
        for (file, mode) in modes {
            guard chmod(file, mode) == 0 else { throw .failed(file) }
        }
    }
}
