import Testing

@testable import Runtime

@Suite struct `A list in the order of last use` {
    @Test(arguments: 0..<50) func `gives what a plain sorted array gives`(_ seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var list = RecencyList<Int>()
        /// The oldest first.
        var plain: [(name: Int, place: UInt32, lastUse: UInt32)] = []
        var tick: UInt32 = 0
        for name in 0..<2_000 {
            tick += Bool.random(using: &random) ? 1 : 0
            switch Int.random(in: 0..<10, using: &random) {
            case 0...3:
                plain.append((name, list.insert(name, at: tick), tick))
            case 4...7:
                guard let index = plain.indices.randomElement(using: &random) else { continue }
                var entry = plain[index]
                list.use(entry.place, at: tick)
                guard entry.lastUse != tick else { continue }
                entry.lastUse = tick
                plain.remove(at: index)
                plain.append(entry)
            case 8:
                guard let index = plain.indices.randomElement(using: &random) else { continue }
                var entry = plain.remove(at: index)
                list.moveToFront(entry.place, at: tick)
                entry.lastUse = tick
                plain.append(entry)
            default:
                guard let index = plain.indices.randomElement(using: &random) else { continue }
                list.remove(plain.remove(at: index).place)
            }
            try #require(list.count == plain.count)
            try #require(list.leastRecent?.element == plain.first?.name)
            try #require(list.leastRecent?.lastUse == plain.first?.lastUse)
        }
        while let oldest = list.leastRecent {
            #expect(oldest.element == plain.removeFirst().name)
            list.remove(oldest.place)
        }
        #expect(plain.isEmpty)
    }

    @Test func `uses the places of those removed again`() {
        var list = RecencyList<Int>()
        let places = (0..<100).map { list.insert($0, at: 0) }
        for place in places { list.remove(place) }
        #expect(Set((0..<100).map { list.insert($0, at: 1) }) == Set(places))
    }
}
