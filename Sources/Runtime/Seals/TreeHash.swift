internal import Crypto

/// A node of the log's Merkle tree: SHA-256 as RFC 6962 (section 2.1) tells leaves and inner nodes apart.
package struct TreeHash: Sendable, Hashable {
    package static let byteCount = 32

    private var words: InlineWords

    private struct InlineWords: Sendable, Hashable {
        var first: UInt64 = 0
        var second: UInt64 = 0
        var third: UInt64 = 0
        var fourth: UInt64 = 0
    }

    /// Nil for anything but 32 bytes.
    package init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count == Self.byteCount else { return nil }
        words = bytes.loadUnaligned(as: InlineWords.self)
    }

    package init?(_ bytes: [UInt8]) {
        guard let hash = bytes.withUnsafeBytes({ TreeHash($0) }) else { return nil }
        self = hash
    }

    private init(_ digest: SHA256.Digest) {
        words = digest.withUnsafeBytes { $0.loadUnaligned(as: InlineWords.self) }
    }

    package var bytes: [UInt8] { withUnsafeBytes(of: words) { Array($0) } }

    package func append(to bytes: inout [UInt8]) { withUnsafeBytes(of: words) { bytes.append(contentsOf: $0) } }

    /// Of one entry of the log.
    package static func leaf(_ content: UnsafeRawBufferPointer) -> TreeHash {
        var hasher = SHA256()
        withUnsafeBytes(of: UInt8(0)) { hasher.update(bufferPointer: $0) }
        hasher.update(bufferPointer: content)
        return TreeHash(hasher.finalize())
    }

    package static func leaf(_ content: [UInt8]) -> TreeHash { content.withUnsafeBytes { leaf($0) } }

    /// Stands for an event that had left the log before it was sealed.
    package static let emptyLeaf = leaf([])

    /// The root of a tree without leaves.
    package static let emptyTree = TreeHash(SHA256().finalize())

    package static func node(_ left: TreeHash, _ right: TreeHash) -> TreeHash {
        var hasher = SHA256()
        withUnsafeTemporaryAllocation(byteCount: 1 + 2 * byteCount, alignment: 1) { buffer in
            buffer[0] = 1
            buffer.storeBytes(of: left.words, toByteOffset: 1, as: InlineWords.self)
            buffer.storeBytes(of: right.words, toByteOffset: 1 + byteCount, as: InlineWords.self)
            hasher.update(bufferPointer: UnsafeRawBufferPointer(buffer))
        }
        return TreeHash(hasher.finalize())
    }
}
