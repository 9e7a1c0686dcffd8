import Runtime

/// How a device behaves. Pure: time and chance come from outside.
protocol Scenario: Sendable {
    /// How many readings the device takes in this turn.
    mutating func readingsDue(at now: Timestamp, random: inout SeededRandom) -> Int
    /// What happens to the device's surroundings.
    func change(_ surroundings: inout Surroundings, at now: Timestamp)
    /// The messages to publish now that `reading` was taken; none if it is held back.
    mutating func messages(for reading: Reading, at now: Timestamp, random: inout SeededRandom) -> [[Reading]]
    /// What is still held back at the end.
    mutating func rest() -> [[Reading]]
}

extension Scenario {
    mutating func readingsDue(at now: Timestamp, random: inout SeededRandom) -> Int { 1 }
    func change(_ surroundings: inout Surroundings, at now: Timestamp) {}
    mutating func messages(for reading: Reading, at now: Timestamp, random: inout SeededRandom) -> [[Reading]] {
        [[reading]]
    }
    mutating func rest() -> [[Reading]] { [] }
}

/// The stretch of time that a scenario's story takes; then it begins again.
struct Episode: Sendable {
    var start: Timestamp
    var length: Duration

    /// How much of the story has passed, from 0 to below 1.
    func phase(at now: Timestamp) -> Double {
        guard now > start, length > .zero else { return 0 }
        let stories = (now - start) / length
        return stories - stories.rounded(.down)
    }
}

/// The scenarios by name.
package enum ScenarioName: String, Sendable, Codable, CaseIterable {
    case normal, burst, late
    case clockSkew = "clock-skew"
    case duplicates, silent, fire, leak, battery

    func scenario(_ episode: Episode, random: inout SeededRandom) -> any Scenario {
        switch self {
        case .normal: Normal()
        case .burst: Burst(random: &random)
        case .late: LateArrival()
        case .clockSkew: ClockSkew(start: episode.start, random: &random)
        case .duplicates: Duplicates()
        case .silent: SilentDevice(episode: episode)
        case .fire: Fire(episode: episode)
        case .leak: SlowLeak(episode: episode)
        case .battery: FailingBattery(episode: episode)
        }
    }

    /// The type that shows the story best; nil if it does not matter.
    var suits: SensorType? {
        switch self {
        case .fire, .silent: .smoke
        case .leak: .water
        case .battery: .battery
        case .normal, .burst, .late, .clockSkew, .duplicates: nil
        }
    }
}
