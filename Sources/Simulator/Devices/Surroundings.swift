import Foundation
import Runtime

/// What there is to measure where a device hangs.
struct Surroundings: Sendable, Equatable {
    /// In degrees Celsius.
    var temperature = 21.0
    /// Relative, in percent.
    var humidity = 45.0
    /// Obscuration in percent a metre.
    var smoke = 0.0
    /// Moisture at the floor, in percent.
    var moisture = 2.0
    /// How likely somebody walks by while the device looks, 0 to 1.
    var bustle = 0.1
    /// The device's own battery, in volts.
    var voltage = 3.65
}

/// A place: its surroundings follow the sun and the tenants, and wander a little.
struct Place: Sendable {
    private let warmth: Double
    private let damp: Double
    private let firstVoltage: Double
    private var drift = (temperature: 0.0, humidity: 0.0)
    private var begun: Timestamp?

    init(random: inout SeededRandom) {
        warmth = 20.5 + random.noise()
        damp = 46 + 4 * random.noise()
        firstVoltage = 3.58 + 0.04 * random.noise()
    }

    mutating func surroundings(at now: Timestamp, random: inout SeededRandom) -> Surroundings {
        let start = begun ?? now
        begun = start
        drift.temperature = drift.temperature * 0.98 + random.noise() * 0.06
        drift.humidity = drift.humidity * 0.98 + random.noise() * 0.3
        let hour = Double(now.microseconds % 86_400_000_000) / 3_600_000_000
        // Warmest at three in the afternoon; air that warms up is drier.
        let sun = cos((hour - 15) / 24 * 2 * .pi)
        let isAwake = (6.5..<23).contains(hour)
        let days = Double(now.microseconds - start.microseconds) / 86_400_000_000
        return Surroundings(
            temperature: warmth + 1.6 * sun + drift.temperature,
            humidity: min(95, max(15, damp - 4 * sun + drift.humidity)),
            smoke: abs(random.noise()) * 0.02,
            moisture: 2 + abs(random.noise()) * 0.3,
            bustle: isAwake ? 0.35 : 0.03,
            voltage: firstVoltage - 0.0004 * days + random.noise() * 0.004)
    }
}
