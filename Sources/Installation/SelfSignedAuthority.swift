import Foundation

/// A certificate authority that nobody vouches for but itself, made with openssl.
struct SelfSignedAuthority: Sendable {
    let name: String
    let certificate: String
    let key: String
    let days: Int

    static let newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]

    /// The key never leaves us.
    func create() async throws(InstallationError) {
        try await Command(
            try Programs.openssl(),
            [
                "req", "-x509", "-days", "\(days)", "-subj", "/CN=\(name)",
                "-addext", "basicConstraints=critical,CA:TRUE,pathlen:0", "-addext",
                "keyUsage=critical,keyCertSign,cRLSign", "-keyout", key, "-out", certificate,
            ] + Self.newKey
        ).run()
        for (file, mode) in [(key, mode_t(0o600)), (certificate, 0o644)] {
            guard chmod(file, mode) == 0 else { throw .failed(file) }
        }
    }
}
