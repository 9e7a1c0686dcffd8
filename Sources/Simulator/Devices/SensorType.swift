/// The kinds of sensor in the fleet; the raw value is the device type that the server knows.
package enum SensorType: String, Sendable, Codable, CaseIterable {
    case smoke, temperature, water, humidity, motion, battery

    /// Most flats have smoke alarms and thermometers; the pattern repeats along the fleet.
    private static let pattern: [SensorType] = [
        .smoke, .temperature, .water, .humidity, .smoke, .motion, .temperature, .battery, .smoke, .water,
    ]

    static func at(_ index: Int) -> SensorType { pattern[index % pattern.count] }
}
