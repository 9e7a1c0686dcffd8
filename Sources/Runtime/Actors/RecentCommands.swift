/// The commands that a stream has lately accepted, so that a redelivered one is recognised.
///
/// The window is folded from the command ids of the stream's own events. It always holds the newest few, and beyond
/// them everything recorded within `horizon` of the newest, up to `limit`: a device that reports once a minute costs a
/// few hundred bytes, and one that floods is still covered for every message the broker may deliver again.
package struct RecentCommands: Sendable, Equatable, Codable {
    package struct Entry: Sendable, Equatable, Codable {
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
