import Runtime

/// A device without its connection: where it hangs, what it measures, how it behaves.
struct SimulatedDevice: Sendable {
    let scenarioName: ScenarioName
    private let sensor: Sensor
    private var place: Place
    private var scenario: any Scenario
    private var random: SeededRandom
    private(set) var nextSeq: Int64

    init(
        _ type: SensorType, _ scenarioName: ScenarioName, episode: Episode, nextSeq: Int64, random: SeededRandom
    ) {
        self.scenarioName = scenarioName
        self.random = random
        self.nextSeq = nextSeq
        sensor = Sensor(type: type)
        place = Place(random: &self.random)
        scenario = scenarioName.scenario(episode, random: &self.random)
    }

    /// The device's turn to measure and, mostly, to publish.
    mutating func turn(at now: Timestamp) -> [Message] {
        var messages: [Message] = []
        for number in 0..<scenario.readingsDue(at: now, random: &random) {
            // Readings of a burst are milliseconds apart.
            let reading = measure(at: now + .milliseconds(number))
            messages += scenario.messages(for: reading, at: now, random: &random).map { Message($0) }
        }
        return messages
    }

    /// What the device still holds back when it is told to stop.
    mutating func rest() -> [Message] { scenario.rest().map { Message($0) } }

    private mutating func measure(at now: Timestamp) -> Reading {
        var surroundings = place.surroundings(at: now, random: &random)
        scenario.change(&surroundings, at: now)
        defer { nextSeq += 1 }
        return Reading(time: now, seq: nextSeq, metrics: sensor.metrics(surroundings, random: &random))
    }
}
