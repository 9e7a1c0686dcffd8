import Runtime

/// Collects readings, as a device without reception does, and sends them later, in one array and out of order.
struct LateArrival: Scenario {
    static let most = 12
    private var held: [Reading] = []
    private var wanted = 4

    mutating func messages(for reading: Reading, at now: Timestamp, random: inout SeededRandom) -> [[Reading]] {
        held.append(reading)
        guard held.count >= wanted else { return [] }
        wanted = Int.random(in: 3...Self.most, using: &random)
        defer { held = [] }
        return [held.shuffled(using: &random)]
    }

    mutating func rest() -> [[Reading]] {
        defer { held = [] }
        return held.isEmpty ? [] : [held.reversed()]
    }
}
