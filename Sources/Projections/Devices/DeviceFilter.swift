package import Aggregates
package import Runtime

/// Which devices are wanted: those to which all of it applies.
package struct DeviceFilter: Sendable, Hashable {
    package enum Connectivity: String, Sendable, CaseIterable {
        case unknown, online, offline
        /// Whether online or offline right now.
        case flapping
    }

    /// To be found in id, serial, name, type or labels, in capitals or not.
    package var text: String?
    /// All of these, with these values.
    package var labels: [String: String] = [:]
    package var type: DeviceType?
    package var state: Device.Status?
    package var connectivity: Connectivity?
    /// Only those whose clock counts as wrong.
    package var hasDrifted: Bool
    package var area: GeographicArea?
    /// What the text of the location begins with, in capitals or not.
    package var place: String?
    /// Without a reading at this time or later.
    package var isSilentSince: Timestamp?
    /// With a reading at this time or later.
    package var hasReadingSince: Timestamp?

    package init(connectivity: Connectivity? = nil, hasDrifted: Bool = false) {
        self.connectivity = connectivity
        self.hasDrifted = hasDrifted
    }
}

/// All places between two parallels and two meridians; west of the western one is outside, also across the date line.
package struct GeographicArea: Sendable, Hashable {
    package var west: Double
    package var south: Double
    package var east: Double
    package var north: Double

    /// Nil unless these are degrees, from south to north.
    package init?(west: Double, south: Double, east: Double, north: Double) {
        guard [west, east].allSatisfy({ (-180...180).contains($0) }),
            [south, north].allSatisfy({ (-90...90).contains($0) }), south <= north
        else { return nil }
        (self.west, self.south, self.east, self.north) = (west, south, east, north)
    }
}
