internal import Crypto
internal import Foundation

/// The Ed25519 key that signs the heads of an installation's log, as text in the form of Go's signed notes
/// (golang.org/x/mod/sumdb/note): `PRIVATE+KEY+name+hash+base64`.
package struct SealKey: Sendable, CustomStringConvertible {
    /// Who signs. It stays the same when the key is changed.
    package let name: String
    private let seed: [UInt8]
    package let verifier: SealVerifier

    private static let prefix = "PRIVATE+KEY+"

    package static func random(name: String) throws(SealError) -> SealKey {
        try SealKey(name: name, seed: Array(Curve25519.Signing.PrivateKey().rawRepresentation))
    }

    package init(name: String, seed: [UInt8]) throws(SealError) {
        guard let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: seed) else {
            throw .malformed("a seal key has 32 bytes")
        }
        self.name = name
        self.seed = seed
        verifier = try SealVerifier(name: name, publicKey: Array(key.publicKey.rawRepresentation))
    }

    /// - Throws: ``SealError/malformed(_:)``, which never holds any of the text.
    package init(_ text: String) throws(SealError) {
        guard text.hasPrefix(Self.prefix), let parts = KeyText(text.dropFirst(Self.prefix.count)) else {
            throw .malformed("a seal key has the form \(Self.prefix)name+hash+base64")
        }
        try self.init(name: parts.name, seed: parts.bytes)
        guard parts.hash == verifier.hash else { throw .malformed("the seal key's hash is not the one of the key") }
    }

    /// The secret itself; for the key's file only.
    package var secretText: String { Self.prefix + KeyText.text(name, verifier.hash, seed) }

    /// Shows no secret.
    package var description: String { "seal key of \(verifier)" }

    func signature(of text: String) throws(SealError) -> [UInt8] {
        do {
            return Array(
                try Curve25519.Signing.PrivateKey(rawRepresentation: seed).signature(for: Data(text.utf8)))
        } catch {
            throw .malformed("the seal key does not sign: \(error)")
        }
    }
}

/// The public half of a ``SealKey``, `name+hash+base64`: what is needed to verify a head.
package struct SealVerifier: Sendable, Hashable, CustomStringConvertible {
    package let name: String
    /// The first four bytes of SHA-256 over name, newline, algorithm and key: tells keys of one name apart.
    let hash: UInt32
    private let publicKey: [UInt8]

    init(name: String, publicKey: [UInt8]) throws(SealError) {
        guard !name.isEmpty, name.utf8.count <= 200,
            name.unicodeScalars.allSatisfy({ $0.isASCII && $0.value > 0x20 && $0.value < 0x7F && $0 != "+" })
        else { throw .malformed("a seal key's name is 1 to 200 printable characters of ASCII, none of them a +") }
        guard (try? Curve25519.Signing.PublicKey(rawRepresentation: publicKey)) != nil else {
            throw .malformed("a public key has 32 bytes")
        }
        self.name = name
        self.publicKey = publicKey
        let digest = SHA256.hash(data: Data(name.utf8) + [0x0A, KeyText.ed25519] + publicKey)
        hash = digest.withUnsafeBytes { UInt32(bigEndian: $0.loadUnaligned(as: UInt32.self)) }
    }

    /// - Throws: ``SealError/malformed(_:)``
    package init(_ text: String) throws(SealError) {
        guard let parts = KeyText(text[...]) else {
            throw .malformed("'\(text)' is no public key: give one in the form name+hash+base64")
        }
        try self.init(name: parts.name, publicKey: parts.bytes)
        guard parts.hash == hash else { throw .malformed("the hash in '\(text)' is not the one of the key") }
    }

    package var description: String { KeyText.text(name, hash, publicKey) }

    func verifies(_ signature: [UInt8], of text: String) -> Bool {
        guard let key = try? Curve25519.Signing.PublicKey(rawRepresentation: publicKey) else { return false }
        return key.isValidSignature(signature, for: Data(text.utf8))
    }
}

/// What is wrong with a key, a head or a seal.
package enum SealError: Error, Sendable, Hashable, CustomStringConvertible {
    case malformed(String)
    /// Nothing signed covers it yet.
    case notSealed(position: Int64)
    /// The tree that is stored lacks a part of itself.
    case incomplete(String)
    /// Another server seals at the same time.
    case overtaken

    package var description: String {
        switch self {
        case .malformed(let reason): reason
        case .notSealed(let position): "position \(position) is not sealed yet: wait a minute"
        case .incomplete(let reason): reason
        case .overtaken: "another server has sealed the same positions"
        }
    }
}

/// `name+hash+base64(algorithm, key)`
private struct KeyText {
    static let ed25519: UInt8 = 1

    let name: String
    let hash: UInt32
    let bytes: [UInt8]

    init?(_ text: Substring) {
        // Base64 may hold a +, the name may not.
        let parts = text.split(separator: "+", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, parts[1].utf8.count == 8, let hash = UInt32(parts[1], radix: 16),
            let data = Data(base64Encoded: String(parts[2])), data.count == 33, data.first == Self.ed25519
        else { return nil }
        name = String(parts[0])
        self.hash = hash
        bytes = Array(data.dropFirst())
    }

    static func text(_ name: String, _ hash: UInt32, _ bytes: [UInt8]) -> String {
        let digits = String(hash, radix: 16)
        let padding = String(repeating: "0", count: 8 - digits.count)
        return "\(name)+\(padding)\(digits)+\(Data([ed25519] + bytes).base64EncodedString())"
    }
}
