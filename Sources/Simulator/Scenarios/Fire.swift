import Runtime

/// A fire: smoke first, then heat, until it is put out and the rooms cool down.
struct Fire: Scenario {
    let episode: Episode

    func change(_ surroundings: inout Surroundings, at now: Timestamp) {
        let strength = strength(at: episode.phase(at: now))
        surroundings.smoke += min(30, 60 * strength)
        surroundings.temperature += 70 * strength * strength
        surroundings.humidity -= 20 * strength
    }

    /// Grows between 0.2 and 0.6 of the story, dies down until 0.9.
    private func strength(at phase: Double) -> Double {
        switch phase {
        case ..<0.2: 0
        case ..<0.6: (phase - 0.2) / 0.4
        case ..<0.9: (0.9 - phase) / 0.3
        default: 0
        }
    }
}
