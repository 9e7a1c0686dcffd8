import Runtime

/// A pipe that drips: moisture rises slowly until somebody mops up.
struct SlowLeak: Scenario {
    let episode: Episode

    func change(_ surroundings: inout Surroundings, at now: Timestamp) {
        let phase = episode.phase(at: now)
        guard phase >= 0.15, phase < 0.95 else { return }
        let progress = (phase - 0.15) / 0.8
        surroundings.moisture += 90 * progress
        surroundings.humidity = min(98, surroundings.humidity + 25 * progress)
    }
}
