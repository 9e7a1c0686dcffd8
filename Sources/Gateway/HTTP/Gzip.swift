internal import CZlib

/// A body in gzip (RFC 1952), unpacked within bounds.
enum Gzip {
    enum Failure: Error {
        case malformed
        /// It would have more bytes than the limit.
        case tooLarge
    }

    /// Several members after each other are one text, as with `gzip -d`.
    static func unpacked(_ body: [UInt8], atMost limit: Int) throws(Failure) -> [UInt8] {
        var stream = z_stream()
        guard fleetlog_inflate_gzip(&stream) == Z_OK else { throw .malformed }
        defer { inflateEnd(&stream) }
        // One byte more than allowed, by which too many are told from just enough.
        var text = [UInt8](repeating: 0, count: limit + 1)
        var (input, output) = (body, 0)
        let isWhole = input.withUnsafeMutableBufferPointer { input in
            text.withUnsafeMutableBufferPointer { text in
                stream.next_in = input.baseAddress
                stream.avail_in = UInt32(input.count)
                stream.next_out = text.baseAddress
                stream.avail_out = UInt32(text.count)
                var code = Z_OK
                repeat {
                    code = inflate(&stream, Z_NO_FLUSH)
                    if code == Z_STREAM_END, stream.avail_in > 0 { code = inflateReset(&stream) }
                } while code == Z_OK && stream.avail_in > 0 && stream.avail_out > 0
                output = text.count - Int(stream.avail_out)
                return code == Z_STREAM_END
            }
        }
        guard output <= limit else { throw .tooLarge }
        guard isWhole else { throw .malformed }
        return Array(text.prefix(output))
    }
}
