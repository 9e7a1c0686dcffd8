import Runtime

/// A battery that gives out: the voltage sags faster and faster, and towards the end readings are left out.
struct FailingBattery: Scenario {
    let episode: Episode

    mutating func readingsDue(at now: Timestamp, random: inout SeededRandom) -> Int {
        episode.phase(at: now) > 0.85 && random.chance(0.5) ? 0 : 1
    }

    func change(_ surroundings: inout Surroundings, at now: Timestamp) {
        let phase = episode.phase(at: now)
        surroundings.voltage -= 0.3 * phase + 0.7 * phase * phase * phase
    }
}
