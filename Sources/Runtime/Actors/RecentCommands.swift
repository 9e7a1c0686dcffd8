/// The commands that a stream has lately accepted, so that a redelivered one is recognised.
///
/// The window is folded from the command ids of the stream's own events. It always holds the newest few, and beyond
/// them everything recorded within `horizon` of the newest, up to `limit`: a device that reports once a minute costs a
/// few hundred bytes, and one that floods is still covered for every message the broker may deliver again. How long the
/// horizon is belongs to the program that folds, and is not stored with the entries.
///
/// A snapshot that waits to be written keeps the window as it was while turns note more. What is older than the newest
/// entries therefore lies in sealed blocks, which copies share, and which find an id without going through all entries.
package struct RecentCommands: Sendable {
    package struct Entry: Sendable, Equatable {
        package var id: UUID128
        package var version: Int64
        package var position: Int64
        package var recordedTime: Timestamp
    }

    /// The entries of a sealed block from `start`; those before have been trimmed.
    struct SealedEntries: Sendable {
        let block: CommandBlock
        var start = 0

        var count: Int { block.entries.count - start }
    }

    /// Always kept, however old.
    static let floor = 8
    /// More than the broker's in-flight limit of 4,000 messages, even if all came from one device.
    static let limit = 4_096
    package static let usualHorizon = Duration.seconds(600)

    /// How far back from the newest entry others are kept.
    var horizon = RecentCommands.usualHorizon
    /// The oldest come first. Only the first block can be trimmed in part; a quiet stream has none.
    private(set) var sealed: [SealedEntries] = []
    /// The newest entries, more than a block of them never.
    private(set) var tail: [Entry] = []

    package init() {}

    init(_ entries: [Entry]) {
        for entry in entries { append(entry) }
    }

    package var entries: [Entry] { sealed.flatMap { $0.block.entries[$0.start...] } + tail }

    /// The entry of the last event noted; it always lies in the tail.
    var newest: Entry? { tail.last }

    package var count: Int {
        if sealed.isEmpty { return tail.count }
        return (sealed.count - 1) * CommandBlock.size + sealed[0].count + tail.count
    }

    /// Blocks count in full, though copies may share them.
    var approximateHeapBytes: Int {
        tail.approximateHeapBytes + sealed.count * (CommandBlock.size * (MemoryLayout<Entry>.stride + 4) + 128)
    }

    /// Packed, and then written as base 64.
    var approximateSnapshotBytes: Int { count * MemoryLayout<Entry>.stride * 4 / 3 }

    package subscript(id: UUID128) -> Entry? {
        if let entry = tail.last(where: { $0.id == id }) { return entry }
        for part in sealed.reversed() {
            if let place = part.block.place(of: id), place >= part.start { return part.block.entries[place] }
        }
        return nil
    }

    /// Notes an event of a command; the last event of a command stands for it.
    package mutating func note(_ id: UUID128, version: Int64, position: Int64, recordedTime: Timestamp) {
        let entry = Entry(id: id, version: version, position: position, recordedTime: recordedTime)
        if let last = tail.indices.last, tail[last].id == id {
            tail[last] = entry
        } else {
            append(entry)
        }
        // Trimming in bulk keeps the cost of a note constant on average.
        if count >= Self.floor * 2 { trim(newest: recordedTime) }
    }

    /// Seals a full tail only when another entry comes, so that the newest one is always in the tail.
    private mutating func append(_ entry: Entry) {
        if tail.count == CommandBlock.size {
            sealed.append(SealedEntries(block: CommandBlock(tail)))
            tail = []
        }
        // By few at a time: most of the memory of a device that reports once a minute lies here.
        if tail.count == tail.capacity { tail.reserveCapacity(tail.count + max(Self.floor, tail.count / 4)) }
        tail.append(entry)
    }

    private mutating func trim(newest: Timestamp) {
        let oldest = newest + (.zero - horizon)
        let most = count - Self.floor
        var surplus = max(0, count - Self.limit)
        while surplus < most, entry(at: surplus).recordedTime < oldest { surplus += 1 }
        if surplus >= Self.floor { removeFirst(surplus) }
    }

    private func entry(at index: Int) -> Entry {
        let place = index + (sealed.first?.start ?? 0)
        let (block, inBlock) = place.quotientAndRemainder(dividingBy: CommandBlock.size)
        return block < sealed.count ? sealed[block].block.entries[inBlock] : tail[inBlock]
    }

    private mutating func removeFirst(_ surplus: Int) {
        var left = surplus
        while let first = sealed.first, left > 0 {
            if left < first.count {
                sealed[0].start += left
                return
            }
            sealed.removeFirst()
            left -= first.count
        }
        tail.removeFirst(left)
    }
}

extension RecentCommands: Equatable {
    /// Where the blocks begin is no part of it, nor is the horizon.
    package static func == (left: Self, right: Self) -> Bool { left.entries == right.entries }

    /// Whether they are the same as far back as both go, as those of one stream are whatever their horizons.
    func agrees(with other: Self) -> Bool {
        let (left, right) = (entries, other.entries)
        let common = min(left.count, right.count)
        return left.isEmpty == right.isEmpty && left.suffix(common) == right.suffix(common)
    }
}
