import Foundation

/// A certificate authority of this installation's own, and the broker's certificate by it, made with openssl.
struct BrokerCertificates: Sendable {
    let folder: String
    let user: ServiceUser

    /// What clients check the broker's certificate against.
    var authority: String { folder + "/ca.crt" }
    var certificate: String { folder + "/server.crt" }
    var key: String { folder + "/server.key" }
    private var authorityKey: String { folder + "/ca.key" }

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
    }

    private func makeAuthority() async throws(InstallationError) {
        try await openssl(
            [
                "req", "-x509", "-days", "\(Self.authorityDays)", "-subj",
                "/CN=Fleetlog, this installation's own authority",
                "-addext", "basicConstraints=critical,CA:TRUE,pathlen:0", "-addext",
                "keyUsage=critical,keyCertSign,cRLSign",
                "-keyout", authorityKey, "-out", authority,
            ] + Self.newKey)
        try limit([authorityKey: 0o600, authority: 0o644])
    }

    private func makeCertificate() async throws(InstallationError) {
        let (request, extensions) = (folder + "/server.csr", folder + "/server.ext")
        let names = "DNS:localhost,IP:127.0.0.1,DNS:" + ProcessInfo.processInfo.hostName
        try PrivateFiles.write(
            "subjectAltName=\(names)\nextendedKeyUsage=serverAuth\nbasicConstraints=critical,CA:FALSE\n", to: extensions
        )
        unlink(key)
        try await openssl(["req", "-subj", "/CN=localhost", "-keyout", key, "-out", request] + Self.newKey)
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
        guard access(key, F_OK) == 0 else { return false }
        return try await Command(try Programs.openssl(), ["verify", "-CAfile", authority, certificate]).output()
            .succeeded
    }

    private static let newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]

    private func openssl(_ arguments: [String]) async throws(InstallationError) {
        try await Command(try Programs.openssl(), arguments).run()
    }

    private func limit(_ modes: [String: mode_t]) throws(InstallationError) {
        for (file, mode) in modes {
            guard chmod(file, mode) == 0 else { throw .failed(file) }
        }
    }
}
