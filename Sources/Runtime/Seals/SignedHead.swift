internal import Foundation

/// Size and root of the log's Merkle tree at a time, signed: whoever keeps one can prove later that everything up to
/// there is as it was.
///
/// Its text is a checkpoint (c2sp.org/tlog-checkpoint) in a signed note (c2sp.org/signed-note):
///
///     <origin>
///     <size>
///     <root in base64>
///     time <RFC 3339>
///     key <public key>
///
///     — <name> <signature in base64>
///
/// Each key that signs is also named in the text, so whoever trusts one of them knows its successor.
package struct SignedHead: Sendable, Hashable {
    /// The number of leaves, which is the position of the last event.
    package let size: Int64
    package let root: TreeHash
    package let time: Timestamp
    package let origin: String
    /// The keys that it announces.
    package let keys: [SealVerifier]
    /// The whole note.
    package let note: String
    private let text: String
    private let signatures: [Signature]

    private struct Signature: Sendable, Hashable {
        var name: String
        var hash: UInt32
        var bytes: [UInt8]
    }

    /// - Parameter keys: the first is the one in force; those behind it sign too.
    package init(size: Int64, root: TreeHash, time: Timestamp, signedBy keys: [SealKey]) throws(SealError) {
        guard let first = keys.first else { throw .malformed("a head needs a key to sign it") }
        var lines = [first.name, String(size), Data(root.bytes).base64EncodedString(), "time \(time)"]
        lines += keys.map { "key \($0.verifier)" }
        let text = lines.joined(separator: "\n") + "\n"
        var note = text + "\n"
        for key in keys {
            let hash = withUnsafeBytes(of: key.verifier.hash.bigEndian) { Data($0) }
            note += "— \(key.name) \((hash + (try key.signature(of: text))).base64EncodedString())\n"
        }
        try self.init(note)
    }

    /// Takes the note apart; who signed it is another question (``isSigned(byOneOf:)``).
    ///
    /// - Throws: ``SealError/malformed(_:)``
    package init(_ note: String) throws(SealError) {
        guard note.utf8.count <= 100_000, let end = note.range(of: "\n\n", options: .backwards) else {
            throw .malformed("a head is a text, an empty line, and signatures")
        }
        text = String(note[..<end.lowerBound]) + "\n"
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        guard lines.count >= 4, !lines[0].isEmpty, let size = Int64(lines[1]), size >= 0, String(size) == lines[1],
            let data = Data(base64Encoded: String(lines[2])), let root = TreeHash(Array(data))
        else { throw .malformed("a head begins with origin, size and root, each on a line") }
        guard lines[3].hasPrefix("time "), let time = Timestamp(String(lines[3].dropFirst(5))) else {
            throw .malformed("a head's fourth line says its time")
        }
        var keys: [SealVerifier] = []
        for line in lines.dropFirst(4) where line.hasPrefix("key ") {
            keys.append(try SealVerifier(String(line.dropFirst(4))))
        }
        var signatures: [Signature] = []
        for line in note[end.upperBound...].split(separator: "\n") {
            let parts = line.split(separator: " ", omittingEmptySubsequences: false)
            guard parts.count == 3, parts[0] == "—", let data = Data(base64Encoded: String(parts[2])), data.count > 4
            else { throw .malformed("a signature is a line of dash, name and base64") }
            let hash = data.prefix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            signatures.append(Signature(name: String(parts[1]), hash: hash, bytes: Array(data.dropFirst(4))))
        }
        guard !signatures.isEmpty else { throw .malformed("the head is not signed") }
        (origin, self.size, self.root, self.time) = (String(lines[0]), size, root, time)
        (self.keys, self.note, self.signatures) = (keys, note, signatures)
    }

    /// Whether it names one of the keys as its signer, rightly or not.
    func claims(oneOf keys: Set<SealVerifier>) -> Bool {
        keys.contains { key in signatures.contains { $0.name == key.name && $0.hash == key.hash } }
    }

    /// Whether one of the keys has signed it, in the name that it gives as its origin.
    package func isSigned(byOneOf trusted: Set<SealVerifier>) -> Bool {
        trusted.contains { key in
            key.name == origin
                && signatures.contains {
                    $0.name == key.name && $0.hash == key.hash && key.verifies($0.bytes, of: text)
                }
        }
    }
}
