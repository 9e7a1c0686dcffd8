/// Where a device is: coordinates, words, or both.
package struct Location: Sendable, Hashable, Codable {
    /// Degrees north, WGS 84.
    package var latitude: Double?
    /// Degrees east, WGS 84.
    package var longitude: Double?
    package var text: String?

    package init(latitude: Double? = nil, longitude: Double? = nil, text: String? = nil) {
        self.latitude = latitude
        self.longitude = longitude
        self.text = text
    }

    /// Reads what its `Codable` form is; nil if Foundation must read it.
    init?(_ cursor: inout CanonicalCursor) {
        self.init()
        let isWhole = cursor.object { name, cursor in
            switch name {
            case "latitude": cursor.take(optional: &latitude) { $0.number() }
            case "longitude": cursor.take(optional: &longitude) { $0.number() }
            case "text": cursor.take(optional: &text) { $0.text() }
            default: false
            }
        }
        guard isWhole else { return nil }
    }

    /// In an update it stands for "nowhere known".
    package var isEmpty: Bool { self == Location() }

    func check() throws(Device.Rejection) {
        guard (latitude == nil) == (longitude == nil) else {
            throw .malformed(field: "location", reason: "needs both latitude and longitude, or neither")
        }
        if let latitude, !(-90...90).contains(latitude) {
            throw .malformed(field: "location", reason: "has a latitude that is not from -90 to 90")
        }
        if let longitude, !(-180...180).contains(longitude) {
            throw .malformed(field: "location", reason: "has a longitude that is not from -180 to 180")
        }
        if let text {
            if text.isEmpty { throw .malformed(field: "location", reason: "has an empty text; leave it out") }
            try DeviceLimits.check(text, as: "location", atMost: 200)
        }
    }
}
