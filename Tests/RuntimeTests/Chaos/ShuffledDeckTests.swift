import Support
import Testing

@Suite struct `A shuffled deck` {
    private static func dealt(_ count: Int, seed: UInt64) -> [Int] {
        var deck = ShuffledDeck(Array(1...7), numbers: SeededNumbers(seed))
        return (0..<count).map { _ in deck.deal() }
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `deals each card once before it deals one again`(_ seed: UInt64) {
        let dealt = Self.dealt(21, seed: seed)
        for round in 0..<3 { #expect(Set(dealt[round * 7..<round * 7 + 7]) == Set(1...7)) }
    }

    @Test func `deals in another order each time, which its seed repeats`() {
        let dealt = Self.dealt(14, seed: 5)
        #expect(dealt == Self.dealt(14, seed: 5))
        #expect(dealt != Self.dealt(14, seed: 6))
        #expect(dealt[..<7] != dealt[7...])
    }
}
