import Runtime

/// Reports as usual and then no more, until the story begins again.
struct SilentDevice: Scenario {
    let episode: Episode

    mutating func readingsDue(at now: Timestamp, random: inout SeededRandom) -> Int {
        episode.phase(at: now) < 0.4 ? 1 : 0
    }
}
