import Foundation
import Testing

@testable import Runtime

@Suite struct `The window of recent commands` {
    let start = Timestamp(microseconds: 1_795_000_000_000_000)

    func window(_ count: Int, apart: Duration) -> (RecentCommands, [UUID128]) {
        var window = RecentCommands()
        var time = start
        let ids = (0..<count).map { UUID128(high: 1, low: UInt64($0)) }
        for (index, id) in ids.enumerated() {
            window.note(id, version: Int64(index + 1), position: Int64(index + 1), recordedTime: time)
            time = time + apart
        }
        return (window, ids)
    }

    @Test func `covers everything the broker may deliver again, even from one device`() {
        let (window, ids) = window(5_000, apart: .microseconds(20))
        #expect(ids.suffix(2_000).allSatisfy { window[$0] != nil })
        #expect(window.count < 4_200)
    }

    @Test func `stays small for a device that reports once a minute`() {
        let (window, ids) = window(5_000, apart: .seconds(60))
        #expect(ids.suffix(8).allSatisfy { window[$0] != nil })
        #expect(window.count < 32)
    }

    @Test func `remembers where a command came to lie`() {
        let (window, ids) = window(10, apart: .seconds(1))
        #expect(window[ids[9]]?.version == 10)
        #expect(window[UUID128(high: 2, low: 2)] == nil)
    }

    @Test func `notes a command of several events once, at its last`() {
        var window = RecentCommands()
        let id = UUID128(high: 1, low: 1)
        for version in 1...5 {
            window.note(id, version: Int64(version), position: Int64(version + 10), recordedTime: start)
        }
        #expect(window.count == 1)
        #expect(window[id]?.position == 15)
    }

    @Test func `finds the last event of a command that was noted long before`() {
        var (window, ids) = window(1_000, apart: .zero)
        window.note(ids[0], version: 1_001, position: 1_001, recordedTime: start)
        #expect(window[ids[0]]?.version == 1_001)
        #expect(window[ids[1]]?.version == 2)
    }

    @Test func `shares all but its newest entries with a copy that notes more`() {
        let (window, _) = window(4_096, apart: .zero)
        var later = window
        for number in 1...1_000 {
            let copy = later
            later.note(UUID128(high: 2, low: UInt64(number)), version: 0, position: 0, recordedTime: start)
            #expect(later.tail.count <= CommandBlock.size)
            let blocks = Set(later.sealed.map { ObjectIdentifier($0.block) })
            #expect(blocks.subtracting(copy.sealed.map { ObjectIdentifier($0.block) }).count <= 1)
            #expect(blocks.count <= RecentCommands.limit / CommandBlock.size + 1)
        }
        let kept = Set(later.sealed.map { ObjectIdentifier($0.block) })
        #expect(kept.intersection(window.sealed.map { ObjectIdentifier($0.block) }).count == 12)
    }

    @Test func `needs no block for a stream with few commands`() {
        let (window, _) = window(256, apart: .zero)
        #expect(window.sealed.isEmpty)
    }

    @Test func `is stored as its entries in order, whatever its blocks`() throws {
        let (window, _) = window(5_000, apart: .microseconds(20))
        let stored = try JSONEncoder().encode(window)
        let bytes = [UInt8](try JSONDecoder().decode(Data.self, from: stored))
        #expect(bytes.count == window.count * 40)
        let first = try #require(window.entries.first)
        #expect(bytes.prefix(40).elementsEqual(words(of: first)))
        let again = try JSONDecoder().decode(RecentCommands.self, from: stored)
        #expect(again == window)
        #expect(try JSONEncoder().encode(again) == stored)
    }

    private func words(of entry: RecentCommands.Entry) -> [UInt8] {
        [
            entry.id.high, entry.id.low, UInt64(entry.version), UInt64(entry.position),
            UInt64(entry.recordedTime.microseconds),
        ].flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) } }
    }

    @Test(arguments: 0..<12 as Range<UInt64>)
    func `is what a plain array would be`(_ seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var (window, model) = (RecentCommands(), PlainWindow())
        var time = start
        var pace = 0
        for number in 1...7_000 {
            if number % 500 == 1 {
                pace = [0, 1_000, 100_000, 2_000_000, 90_000_000].randomElement(using: &random) ?? 0
            }
            time = time + .microseconds(Int.random(in: 0...pace, using: &random))
            var id = UUID128(high: 1, low: UInt64(number))
            switch Int.random(in: 0..<10, using: &random) {
            case 0: if let last = model.entries.last { id = last.id }
            case 1: if let known = model.entries.randomElement(using: &random) { id = known.id }
            default: break
            }
            // Whoever holds an older copy must not see what comes after.
            let held = number % 250 == 0 ? (window, model) : nil
            window.note(id, version: Int64(number), position: Int64(number * 2), recordedTime: time)
            model.note(id, version: Int64(number), position: Int64(number * 2), recordedTime: time)
            #expect(window.count == model.entries.count)
            let some = UUID128(high: 1, low: UInt64.random(in: 1...UInt64(number), using: &random))
            if number % 4 == 0 { #expect(window[some] == model[some]) }
            if let held {
                #expect(held.0.entries == held.1.entries)
                #expect(window.entries == model.entries)
            }
            if Int.random(in: 0..<1_000, using: &random) == 0 {
                window = try JSONDecoder().decode(RecentCommands.self, from: try JSONEncoder().encode(window))
            }
        }
    }
}

/// The law of the window, in its plainest form.
private struct PlainWindow {
    var entries: [RecentCommands.Entry] = []

    subscript(id: UUID128) -> RecentCommands.Entry? { entries.last { $0.id == id } }

    mutating func note(_ id: UUID128, version: Int64, position: Int64, recordedTime: Timestamp) {
        if entries.last?.id == id { entries.removeLast() }
        entries.append(.init(id: id, version: version, position: position, recordedTime: recordedTime))
        guard entries.count >= RecentCommands.floor * 2 else { return }
        let oldest = recordedTime + (.zero - RecentCommands.usualHorizon)
        var surplus = max(0, entries.count - RecentCommands.limit)
        while surplus < entries.count - RecentCommands.floor, entries[surplus].recordedTime < oldest { surplus += 1 }
        if surplus >= RecentCommands.floor { entries.removeFirst(surplus) }
    }
}
