/// Deals its cards in an order of chance, each once before any comes again.
package struct ShuffledDeck<Card: Sendable>: Sendable {
    private let cards: [Card]
    /// Those that have not had their turn yet; then all begin again.
    private var ahead: [Card] = []
    private var numbers: SeededNumbers

    package init(_ cards: [Card], numbers: SeededNumbers) {
        precondition(!cards.isEmpty, "nothing can be dealt from an empty deck")
        self.cards = cards
        self.numbers = numbers
    }

    package mutating func deal() -> Card {
        if ahead.isEmpty { ahead = cards.shuffled(using: &numbers) }
        return ahead.removeLast()
    }
}
