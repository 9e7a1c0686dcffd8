import Runtime

/// Keeps still, then reports many readings at once; over time as many as any other device.
struct Burst: Scenario {
    static let size = 10
    private var turn: Int

    init(random: inout SeededRandom) { turn = Int.random(in: 0..<Self.size, using: &random) }

    mutating func readingsDue(at now: Timestamp, random: inout SeededRandom) -> Int {
        turn += 1
        return turn % Self.size == 0 ? Self.size : 0
    }
}
