/// What kind of sensor a device is, for example `smoke`.
package struct DeviceType: Sendable, Hashable, Codable, RawRepresentable, CustomStringConvertible {
    package let rawValue: String

    package init(_ rawValue: String) { self.rawValue = rawValue }
    package init(rawValue: String) { self.rawValue = rawValue }

    package var description: String { rawValue }

    /// How long a device of this type may be silent before it counts as offline, unless its account defines it.
    package var silenceInterval: Duration { .seconds(ReadyMadeTypes.all[self]?.silenceSeconds ?? 15 * 60) }
}
