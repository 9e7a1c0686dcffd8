/// What kind of sensor a device is, for example `smoke`.
package struct DeviceType: Sendable, Hashable, Codable, RawRepresentable, CustomStringConvertible {
    package let rawValue: String

    package init(_ rawValue: String) { self.rawValue = rawValue }
    package init(rawValue: String) { self.rawValue = rawValue }

    package var description: String { rawValue }

    /// How long a device of this type may be silent before it counts as offline.
    package var silenceInterval: Duration {
        switch rawValue {
        // Life safety: at a report a minute, two lost ones are forgiven.
        case "smoke", "water": .seconds(3 * 60)
        case "temperature", "humidity", "motion": .seconds(15 * 60)
        case "location": .seconds(30 * 60)
        case "battery": .seconds(24 * 60 * 60)
        default: .seconds(15 * 60)
        }
    }
}
