import Runtime

/// Sends every other message twice, as a device does that misses an acknowledgement.
struct Duplicates: Scenario {
    mutating func messages(for reading: Reading, at now: Timestamp, random: inout SeededRandom) -> [[Reading]] {
        random.chance(0.5) ? [[reading], [reading]] : [[reading]]
    }
}
