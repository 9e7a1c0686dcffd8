import CLZ4

/// LZ4 block compression by the C library.
package enum LZ4 {
    package enum Failure: Error, Sendable, Hashable {
        case tooLarge(bytes: Int)
        case notCompressible
        case malformed
    }

    /// Snapshots beyond this are refused when read, so that a damaged size cannot ask for all memory.
    package static let largest = 64 << 20

    package static func compress(_ plain: [UInt8]) throws(Failure) -> [UInt8] {
        guard plain.count <= largest else { throw .tooLarge(bytes: plain.count) }
        let bound = LZ4_compressBound(Int32(plain.count))
        let packed = [UInt8](unsafeUninitializedCapacity: Int(bound)) { buffer, count in
            let written = plain.withUnsafeBytes { source in
                LZ4_compress_default(
                    source.baseAddress?.assumingMemoryBound(to: CChar.self),
                    UnsafeMutableRawPointer(buffer.baseAddress)?.assumingMemoryBound(to: CChar.self),
                    Int32(plain.count), bound)
            }
            count = max(0, Int(written))
        }
        if packed.isEmpty { throw .notCompressible }
        return packed
    }

    /// - Parameter size: the exact size of the plain bytes.
    package static func decompress(_ packed: [UInt8], size: Int) throws(Failure) -> [UInt8] {
        guard size >= 0, size <= largest, packed.count <= Int(Int32.max) else { throw .tooLarge(bytes: size) }
        let plain = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            let read = packed.withUnsafeBytes { source in
                LZ4_decompress_safe(
                    source.baseAddress?.assumingMemoryBound(to: CChar.self),
                    UnsafeMutableRawPointer(buffer.baseAddress)?.assumingMemoryBound(to: CChar.self),
                    Int32(packed.count), Int32(size))
            }
            count = max(0, Int(read))
        }
        if plain.count != size { throw .malformed }
        return plain
    }
}
