internal import Foundation

/// Packed, because a busy device has hundreds of entries and a snapshot would otherwise be nothing but their names.
extension RecentCommands: Codable {
    /// The id's two halves, version, position, recorded time.
    private static let wordsPerEntry = 5

    package init(from decoder: any Decoder) throws {
        guard let commands = RecentCommands(packed: try decoder.singleValueContainer().decode(Data.self)) else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "not a whole number of entries"))
        }
        self = commands
    }

    /// Nil for anything but what they are encoded as.
    package init?(base64: String) {
        guard let data = Data(base64Encoded: base64) else { return nil }
        self.init(packed: data)
    }

    /// Nil unless it is a whole number of entries.
    private init?(packed bytes: Data) {
        let size = Self.wordsPerEntry * 8
        guard bytes.count % size == 0 else { return nil }
        self.init(
            bytes.withUnsafeBytes { bytes in
                stride(from: 0, to: bytes.count, by: size).map { start in
                    func word(_ index: Int) -> UInt64 {
                        UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: start + index * 8, as: UInt64.self))
                    }
                    return Entry(
                        id: UUID128(high: word(0), low: word(1)), version: Int64(bitPattern: word(2)),
                        position: Int64(bitPattern: word(3)),
                        recordedTime: Timestamp(microseconds: Int64(bitPattern: word(4))))
                }
            })
    }

    package func encode(to encoder: any Encoder) throws {
        var data = Data(capacity: count * Self.wordsPerEntry * 8)
        for entry in entries {
            let words = [
                entry.id.high, entry.id.low, UInt64(bitPattern: entry.version), UInt64(bitPattern: entry.position),
                UInt64(bitPattern: entry.recordedTime.microseconds),
            ]
            for word in words { withUnsafeBytes(of: word.littleEndian) { data.append(contentsOf: $0) } }
        }
        var container = encoder.singleValueContainer()
        try container.encode(data)
    }
}
