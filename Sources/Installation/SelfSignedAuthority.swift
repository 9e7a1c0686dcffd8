import Foundation

/// A certificate authority that nobody vouches for but itself, made with openssl.
struct SelfSignedAuthority: Sendable {
    let name: String
    let certificate: String
    let key: String
    let days: Int

    static let newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]

    /// Made beside its place, and moved there when it is whole and on the disk, the certificate last: who finds a
    /// certificate finds its key. The key never leaves us.
    func create() async throws(InstallationError) {
        let made = CertifiedKey(certificate: certificate + ".new", key: key + ".new")
        for file in [made.key, made.certificate] { unlink(file) }
        try await Command(
            try Programs.openssl(),
            [
                "req", "-x509", "-days", "\(days)", "-subj", "/CN=\(name)",
                "-addext", "basicConstraints=critical,CA:TRUE,pathlen:0", "-addext",
                "keyUsage=critical,keyCertSign,cRLSign", "-keyout", made.key, "-out", made.certificate,
            ] + Self.newKey
        ).run()
        // openssl does not say when the disk was full.
        guard try await made.isWhole() else {
            throw .fileFailed(path: made.certificate, reason: "it was not written whole; is the disk full?")
        }
        try PrivateFiles.settle(made.key, as: key, mode: 0o600)
        try PrivateFiles.settle(made.certificate, as: certificate, mode: 0o644)
    }
}

/// A certificate and its key, as files.
struct CertifiedKey: Sendable {
    let certificate: String
    let key: String

    /// Whether both can be read and belong together.
    func isWhole() async throws(InstallationError) -> Bool {
        guard let certified = try await publicKey(["x509", "-in", certificate, "-noout", "-pubkey"]) else {
            return false
        }
        return try await publicKey(["pkey", "-in", key, "-pubout"]) == certified
    }

    /// Whether the certificate can be read.
    func isReadable() async throws(InstallationError) -> Bool {
        try await publicKey(["x509", "-in", certificate, "-noout", "-pubkey"]) != nil
    }

    private func publicKey(_ question: [String]) async throws(InstallationError) -> String? {
        let answer = try await Command(try Programs.openssl(), question).output()
        return answer.succeeded && !answer.text.isEmpty ? answer.text : nil
    }
}
