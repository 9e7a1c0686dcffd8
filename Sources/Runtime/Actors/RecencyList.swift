/// Elements in the order of their last use, with every step at constant cost and without allocation.
///
/// A doubly linked list whose links are places in one array: four bytes each, and nothing to retain or release when an
/// element moves. Times are ticks of whatever length the owner chooses. An element that is used again within one tick
/// stays where it is, so that what is used all the time is moved once a tick only; the order is exact to the tick.
struct RecencyList<Element: Sendable>: Sendable {
    typealias Place = UInt32
    typealias Tick = UInt32

    private struct Slot: Sendable {
        /// Nil while the slot is free; `newer` then leads to the next free one.
        var element: Element?
        var lastUse: Tick
        var older: Place
        var newer: Place
    }

    private static var none: Place { .max }

    private var slots: [Slot] = []
    private var free = Self.none
    private var oldest = Self.none
    private var newest = Self.none
    private(set) var count = 0

    /// The element at the place, which must be taken.
    subscript(place: Place) -> Element? { slots[Int(place)].element }

    /// The element whose last use is the longest ago.
    var leastRecent: (place: Place, element: Element, lastUse: Tick)? {
        guard oldest != Self.none, let element = slots[Int(oldest)].element else { return nil }
        return (oldest, element, slots[Int(oldest)].lastUse)
    }

    /// Adds an element as the one used last; its place stays the same until it is removed.
    mutating func insert(_ element: Element, at tick: Tick) -> Place {
        let slot = Slot(element: element, lastUse: tick, older: Self.none, newer: Self.none)
        let place: Place
        if free == Self.none {
            place = Place(slots.count)
            slots.append(slot)
        } else {
            place = free
            free = slots[Int(place)].newer
            slots[Int(place)] = slot
        }
        link(place)
        count += 1
        return place
    }

    mutating func use(_ place: Place, at tick: Tick) {
        if slots[Int(place)].lastUse != tick { moveToFront(place, at: tick) }
    }

    /// The same, ahead of those that were used in the same tick.
    mutating func moveToFront(_ place: Place, at tick: Tick) {
        slots[Int(place)].lastUse = tick
        guard place != newest else { return }
        unlink(place)
        link(place)
    }

    mutating func remove(_ place: Place) {
        unlink(place)
        slots[Int(place)] = Slot(element: nil, lastUse: 0, older: Self.none, newer: free)
        free = place
        count -= 1
    }

    private mutating func link(_ place: Place) {
        slots[Int(place)].older = newest
        slots[Int(place)].newer = Self.none
        if newest == Self.none { oldest = place } else { slots[Int(newest)].newer = place }
        newest = place
    }

    private mutating func unlink(_ place: Place) {
        let (older, newer) = (slots[Int(place)].older, slots[Int(place)].newer)
        if older == Self.none { oldest = newer } else { slots[Int(older)].newer = newer }
        if newer == Self.none { newest = older } else { slots[Int(newer)].older = older }
    }
}
