/// Entries that no longer change, with an index of their own. Whoever holds one shares it.
final class CommandBlock: Sendable {
    static let size = 256
    /// Twice as many slots as entries keep the way to a free slot short.
    private static let slotBits: UInt64 = 9
    private static let mask = (1 << Int(slotBits)) - 1
    private static let free = UInt16.max

    let entries: [RecentCommands.Entry]
    /// Places of entries, hashed by their ids; a taken slot leads to the next one.
    private let slots: [UInt16]

    /// - Parameter entries: as many as a block has.
    init(_ entries: [RecentCommands.Entry]) {
        var slots = [UInt16](repeating: Self.free, count: 1 << Int(Self.slotBits))
        for (place, entry) in entries.enumerated() {
            var slot = Self.slot(of: entry.id)
            while slots[slot] != Self.free, entries[Int(slots[slot])].id != entry.id { slot = (slot + 1) & Self.mask }
            slots[slot] = UInt16(place)
        }
        self.entries = entries
        self.slots = slots
    }

    /// The place of the last entry with this id.
    func place(of id: UUID128) -> Int? {
        var slot = Self.slot(of: id)
        while slots[slot] != Self.free {
            let place = Int(slots[slot])
            if entries[place].id == id { return place }
            slot = (slot + 1) & Self.mask
        }
        return nil
    }

    /// The bits at random of a UUID lie anywhere; the multiplication brings all of them to the top.
    private static func slot(of id: UUID128) -> Int {
        Int(((id.high ^ id.low) &* 0x9e37_79b9_7f4a_7c15) >> (64 - slotBits))
    }
}
