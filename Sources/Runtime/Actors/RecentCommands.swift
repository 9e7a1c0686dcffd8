internal import Foundation

/// The commands that a stream has lately accepted, so that a redelivered one is recognised.
///
/// The window is folded from the command ids of the stream's own events. It always holds the newest few, and beyond
/// them everything recorded within `horizon` of the newest, up to `limit`: a device that reports once a minute costs a
/// few hundred bytes, and one that floods is still covered for every message the broker may deliver again.
package struct RecentCommands: Sendable, Equatable {
    package struct Entry: Sendable, Equatable {
        package var id: UUID128
        package var version: Int64
        package var position: Int64
        package var recordedTime: Timestamp
    }

    /// Always kept, however old.
    static let floor = 8
    /// More than the broker's in-flight limit of 2,000 messages, even if all came from one device.
    static let limit = 4_096
    static let horizon = Duration.seconds(600)

    package private(set) var entries: [Entry] = []

    package init() {}

    package subscript(id: UUID128) -> Entry? {
        entries.last { $0.id == id }
    }

    /// Notes an event of a command; the last event of a command stands for it.
    package mutating func note(_ id: UUID128, version: Int64, position: Int64, recordedTime: Timestamp) {
        let entry = Entry(id: id, version: version, position: position, recordedTime: recordedTime)
        if let last = entries.indices.last, entries[last].id == id {
            entries[last] = entry
        } else {
            entries.append(entry)
        }
        // Trimming in bulk keeps the cost of a note constant on average.
        if entries.count >= Self.floor * 2 { trim(newest: recordedTime) }
    }

    private mutating func trim(newest: Timestamp) {
        let oldest = newest + (.zero - Self.horizon)
        var surplus = max(0, entries.count - Self.limit)
        while surplus < entries.count - Self.floor, entries[surplus].recordedTime < oldest { surplus += 1 }
        if surplus >= Self.floor { entries.removeFirst(surplus) }
    }
}

/// Packed, because a busy device has hundreds of entries and a snapshot would otherwise be nothing but their names.
extension RecentCommands: Codable {
    /// The id's two halves, version, position, recorded time.
    private static let wordsPerEntry = 5

    package init(from decoder: any Decoder) throws {
        let bytes = [UInt8](try decoder.singleValueContainer().decode(Data.self))
        let size = Self.wordsPerEntry * 8
        guard bytes.count % size == 0 else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "not a whole number of entries"))
        }
        entries = bytes.withUnsafeBytes { bytes in
            stride(from: 0, to: bytes.count, by: size).map { start in
                func word(_ index: Int) -> UInt64 {
                    UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: start + index * 8, as: UInt64.self))
                }
                return Entry(
                    id: UUID128(high: word(0), low: word(1)), version: Int64(bitPattern: word(2)),
                    position: Int64(bitPattern: word(3)),
                    recordedTime: Timestamp(microseconds: Int64(bitPattern: word(4))))
            }
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var data = Data(capacity: entries.count * Self.wordsPerEntry * 8)
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
